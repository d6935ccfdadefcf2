// An authority made for one test, and a certificate for localhost, and a name that no DNS has, that it vouches for.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** For a server behind a proxy, which alone knows the way. */
export const elsewhere = 'repository.invalid'

export function makeCertificates(directory: string): {
  ca: string
  stranger: string
  key: Buffer
  certificate: Buffer
} {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' })
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  for (const name of ['ca', 'stranger'])
    openssl('req', '-x509', ...curve, '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.pem`)
  const signed = [
    '-x509',
    '-CA',
    'ca.pem',
    '-CAkey',
    'ca.key',
    '-addext',
    `subjectAltName=DNS:localhost,DNS:${elsewhere}`,
  ]
  openssl('req', ...signed, ...curve, '-subj', '/CN=localhost', '-keyout', 'server.key', '-out', 'server.pem')
  return {
    ca: join(directory, 'ca.pem'),
    stranger: join(directory, 'stranger.pem'),
    key: readFileSync(join(directory, 'server.key')),
    certificate: readFileSync(join(directory, 'server.pem')),
  }
}
