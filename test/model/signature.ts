import test from 'ava'
import { PginstallError } from '../../src/model/errors.ts'
import { generateSigningKey, openIndex, openUnsignedIndex, publicKeyOf, sealIndex } from '../../src/model/signature.ts'

const ours = generateSigningKey()
const stranger = generateSigningKey()
const payload = '{"index":1,"ü":"✓"}'
const sealed = JSON.parse(sealIndex(payload, ours.privatePem))
const refused = { instanceOf: PginstallError, message: /not signed by a key that is trusted/ }

test('opens what was sealed with a pinned key', (t) => {
  t.is(openIndex(JSON.stringify(sealed), [ours.publicKey]), payload)
  t.is(openIndex(JSON.stringify(sealed), [stranger.publicKey, ours.publicKey]), payload)
  t.is(publicKeyOf(ours.privatePem), ours.publicKey)
})

test('refuses a stranger’s signature, and trust in nobody', (t) => {
  t.throws(() => openIndex(JSON.stringify(sealed), [stranger.publicKey]), refused)
  t.throws(() => openIndex(JSON.stringify(sealed), []), refused)
})

test('refuses a stranger’s signature under our key’s name', (t) => {
  const forged = JSON.parse(sealIndex(payload, stranger.privatePem))
  forged.signatures[0].keyid = sealed.signatures[0].keyid
  t.throws(() => openIndex(JSON.stringify(forged), [ours.publicKey]), refused)
})

test('refuses a changed payload', (t) => {
  const changed = { ...sealed, payload: Buffer.from(payload.replace('1', '2')).toString('base64') }
  t.throws(() => openIndex(JSON.stringify(changed), [ours.publicKey]), refused)
})

test('refuses another type of payload, and no signature', (t) => {
  for (const envelope of [
    { ...sealed, payloadType: 'text/plain' },
    { ...sealed, signatures: [] },
  ]) {
    t.throws(() => openIndex(JSON.stringify(envelope), [ours.publicKey]), { message: /malformed signed index/ })
  }
})

test('a key that is none is refused by name', (t) => {
  for (const key of ['', 'ed25519:', 'ed25519:AAAA', ours.publicKey.slice('ed25519:'.length)]) {
    t.throws(() => openIndex(JSON.stringify(sealed), [key]), { message: /invalid public key/ })
  }
})

test('opens without looking at signatures only when asked to', (t) => {
  t.is(openUnsignedIndex(JSON.stringify({ ...sealed, signatures: [{ keyid: '0'.repeat(64), sig: '' }] })), payload)
})
