import test from 'ava'
import { transfer } from '../../native/index.ts'
import { failsWith } from './helpers/failures.ts'
import { certificates, limits, serveHttp2, serveTls } from './helpers/servers.ts'

test('a server that the authority vouches for is talked to', async (t) => {
  const url = await serveTls(t, (_request, response) => response.end('secret'))
  const result = await transfer({ ...limits, url, caFile: certificates(t).ca })
  t.is(result.body?.toString(), 'secret')
  t.is(result.httpVersion, '1.1')
})

test('a server that nobody vouches for is not asked', async (t) => {
  const url = await serveTls(t, () => t.fail())
  await failsWith(t, transfer({ ...limits, url }), 'CURLE_PEER_FAILED_VERIFICATION')
  const caFile = certificates(t).stranger
  const error = await failsWith(t, transfer({ ...limits, url, caFile }), 'CURLE_PEER_FAILED_VERIFICATION')
  t.regex(error.message, /^SSL certificate problem/)
})

test('a connection made under one trust does not serve another', async (t) => {
  const url = await serveTls(t, (_request, response) => response.end())
  await transfer({ ...limits, url, caFile: certificates(t).ca })
  await failsWith(t, transfer({ ...limits, url }), 'CURLE_PEER_FAILED_VERIFICATION')
})

test('a certificate of another name is refused', async (t) => {
  const url = (await serveTls(t, () => t.fail())).replace('localhost', '127.0.0.1')
  await failsWith(t, transfer({ ...limits, url, caFile: certificates(t).ca }), 'CURLE_PEER_FAILED_VERIFICATION')
})

test('an authority that is not there is an error', async (t) => {
  const url = await serveTls(t, () => t.fail())
  await failsWith(t, transfer({ ...limits, url, caFile: '/nowhere/ca.pem' }), 'CURLE_SSL_CACERT_BADFILE')
})

test('HTTP/2 is spoken where the server has it, by many transfers on one connection', async (t) => {
  const { url, connections } = await serveHttp2(t, (request, response) => {
    response.setHeader('x-version', request.httpVersion)
    response.end(request.url)
  })
  const options = { ...limits, caFile: certificates(t).ca }
  const results = await Promise.all(
    Array.from({ length: 30 }, (_, at) => transfer({ ...options, url: `${url}/${at}` })),
  )
  t.deepEqual(
    results.map(({ body }) => body?.toString()),
    results.map((_, at) => `/${at}`),
  )
  t.true(results.every(({ httpVersion, headers }) => httpVersion === '2' && headers['x-version']?.[0] === '2.0'))
  t.is(connections(), 1)
})
