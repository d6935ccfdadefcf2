// Ed25519 signatures in DSSE envelopes: https://github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto'
import schema from '../../protocol/index.schema.json' with { type: 'json' }
import { PginstallError } from './errors.ts'
import { parseJson, schemaParser } from './schema.ts'

export type Envelope = { payloadType: string; payload: string; signatures: { keyid: string; sig: string }[] }

const indexPayloadType = 'application/vnd.pginstall.index+json'
const envelopeShape = schemaParser<Envelope>(schema, 'signed index', '#/definitions/envelope')

/** DER of an Ed25519 SubjectPublicKeyInfo in front of the 32 bytes of the key, RFC 8410. */
const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex')
const keyPrefix = 'ed25519:'

/** A new key pair: the private one as PKCS #8 PEM, the public one as settings have it. */
export function generateSigningKey(): { privatePem: string; publicKey: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  return {
    privatePem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    publicKey: formatPublicKey(publicKey),
  }
}

/** `ed25519:` and base64, of the public half of a private key in PEM. */
export function publicKeyOf(privatePem: string): string {
  return formatPublicKey(createPublicKey(createPrivateKey(privatePem)))
}

/** The signed file's bytes. */
export function sealIndex(payload: string, privatePem: string): string {
  const key = createPrivateKey(privatePem)
  const bytes = Buffer.from(payload)
  const envelope: Envelope = {
    payloadType: indexPayloadType,
    payload: bytes.toString('base64'),
    signatures: [
      { keyid: keyId(createPublicKey(key)), sig: sign(null, preAuthentication(bytes), key).toString('base64') },
    ],
  }
  return JSON.stringify(envelope) + '\n'
}

/**
 * The payload of a signed file, when one of the pinned keys signed it. Which key is tried comes from the settings,
 * never from the file: its keyid only says which of ours to take.
 * @throws PginstallError syntax_error, verification_failed
 */
export function openIndex(text: string, publicKeys: string[]): string {
  const envelope = envelopeShape(parseJson(text, 'signed index'))
  const payload = Buffer.from(envelope.payload, 'base64')
  const message = preAuthentication(payload)
  for (const key of publicKeys.map(parsePublicKey)) {
    const id = keyId(key)
    const ours = envelope.signatures.filter(({ keyid }) => keyid === id)
    if (ours.some(({ sig }) => verify(null, message, key, Buffer.from(sig, 'base64')))) return payload.toString()
  }
  throw new PginstallError('verification_failed', 'index is not signed by a key that is trusted for the repository')
}

/** The payload of a signed file whose signature nobody checks: for repositories set `unsigned` on loopback only. */
export function openUnsignedIndex(text: string): string {
  return Buffer.from(envelopeShape(parseJson(text, 'signed index')).payload, 'base64').toString()
}

/** @throws PginstallError invalid_parameter_value */
export function parsePublicKey(text: string): KeyObject {
  const raw = text.startsWith(keyPrefix) ? Buffer.from(text.slice(keyPrefix.length), 'base64') : Buffer.alloc(0)
  if (raw.length !== 32) {
    throw new PginstallError('invalid_parameter_value', `invalid public key: "${text}"`, {
      hint: 'A key is written as ed25519: and the base64 of its 32 bytes; "pginstall server status" shows that of a repository.',
    })
  }
  return createPublicKey({ key: Buffer.concat([spkiPrefix, raw]), type: 'spki', format: 'der' })
}

function formatPublicKey(key: KeyObject): string {
  return keyPrefix + rawPublicKey(key).toString('base64')
}

function rawPublicKey(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' }).subarray(spkiPrefix.length)
}

function keyId(key: KeyObject): string {
  return createHash('sha256').update(rawPublicKey(key)).digest('hex')
}

/** DSSE's PAE: type and body with their lengths, so that neither can be taken for part of the other. */
function preAuthentication(body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`DSSEv1 ${indexPayloadType.length} ${indexPayloadType} ${body.length} `), body])
}
