// No DNS, wrong certificates, a proxy in between.
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import test from 'ava'
import { answer, type BadDay, beginBadDay, installs, repositoryName } from '../../helpers/bad-day.ts'
import { makeCertificates } from '../../helpers/certificates.ts'
import { serveUnreliably, type UnreliableRepository } from '../../helpers/unreliable-repository.ts'

let day: BadDay
let secure: UnreliableRepository
let certificates: ReturnType<typeof makeCertificates>

test.before(async () => {
  day = await beginBadDay()
  certificates = makeCertificates(day.directory.make('certificates'))
  secure = await serveUnreliably(certificates)
  await secure.add(day.archive)
  secure.publish()
})
test.beforeEach(() => day.forget())
test.afterEach.always((t) => day.unharmed(t))
test.after.always(async () => {
  secure?.close()
  await day?.close()
})

test.serial('a host that no DNS knows', async (t) => {
  day.configureRepository(repositoryName, { ...secure, uri: 'https://repository.invalid/' }, { proxy: 'none' })
  const session = await day.session()
  const error = await session.errorOf(answer)
  t.is(error?.code, '58030')
  t.is(error?.message, `could not reach repository ${repositoryName}`)
  t.regex(error?.detail ?? '', /repository\.invalid/)
  day.configureRepository(repositoryName, day.repository)
  await installs(t, session)
})

test.serial('TLS: the system does not know the authority; ca_file does', async (t) => {
  day.configureRepository(repositoryName, secure, { proxy: 'none' })
  const session = await day.session()
  const error = await session.errorOf(answer)
  t.is(error?.code, '58030')
  t.regex(error?.detail ?? '', /certificate/i)
  day.configureRepository(repositoryName, secure, { proxy: 'none', ca_file: certificates.ca })
  await installs(t, session)
})

test.serial('TLS: another authority, another name, and a ca_file that is not there', async (t) => {
  const session = await day.session()
  for (const [uri, caFile] of [
    [secure.uri, certificates.stranger],
    [secure.uri.replace('localhost', '127.0.0.1'), certificates.ca],
    [secure.uri, '/nowhere/authority.pem'],
  ] as const) {
    day.configureRepository(repositoryName, { ...secure, uri }, { proxy: 'none', ca_file: caFile })
    const error = await session.errorOf(answer)
    t.is(error?.code, '58030', `${uri} ${caFile}`)
    t.regex(error?.detail ?? '', /certificate|subject name|CA/i)
  }
})

test.serial('through a proxy, and through one that is down', async (t) => {
  const proxy = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '')
    response.end(day.repository.files.get(pathname.slice(1)))
  })
  t.teardown(() => void proxy.close())
  const port = await listen(proxy)
  // Only the proxy knows the way: nothing listens where the URI points.
  const away = { ...day.repository, uri: 'http://127.0.0.1:9/' }
  day.configureRepository(repositoryName, away, { proxy: `http://127.0.0.1:${port}` })
  const session = await day.session()
  await installs(t, session)
  await day.forget()
  day.configureRepository(repositoryName, away, { proxy: 'http://127.0.0.1:9' })
  const error = await (await day.session()).errorOf(answer)
  t.is(error?.code, '58030')
  t.is(error?.message, `could not reach repository ${repositoryName}`)
})

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}
