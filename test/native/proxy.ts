import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { transfer } from '../../native/index.ts'
import { failsWith } from './helpers/failures.ts'
import { runInProcess } from './helpers/processes.ts'
import { certificates, limits, serve, serveRaw, serveTls } from './helpers/servers.ts'

/** Forwards plain requests, and notes what it is asked. */
async function serveProxy(t: ExecutionContext): Promise<{ proxy: string; asked: string[] }> {
  const asked: string[] = []
  const proxy = await serve(t, (request, response) => {
    asked.push(`${request.method} ${request.url}`)
    const forwarded = httpRequest(request.url ?? '', { headers: request.headers }, (answer) => answer.pipe(response))
    request.pipe(forwarded)
  })
  return { proxy, asked }
}

/** Opens tunnels, and notes what is said to it, not through it. */
async function serveTunnel(t: ExecutionContext, answer: string): Promise<{ proxy: string; said: string[] }> {
  const said: string[] = []
  const port = await serveRaw(t, (socket) => {
    socket.once('data', (head) => {
      said.push(head.toString())
      const [, host, port] = /^CONNECT ([^:]+):(\d+) /.exec(head.toString()) ?? []
      socket.write(`HTTP/1.1 ${answer}\r\nX-Proxy: 1\r\n\r\n`)
      const through = connect(Number(port), host)
      through.on('error', () => socket.destroy())
      socket.on('close', () => through.destroy())
      socket.pipe(through).pipe(socket)
    })
  })
  return { proxy: `http://127.0.0.1:${port}`, said }
}

test('a plain request goes by the proxy', async (t) => {
  const url = await serve(t, (_request, response) => response.end('origin'))
  const { proxy, asked } = await serveProxy(t)
  t.is((await transfer({ ...limits, url: `${url}/a`, proxy })).body?.toString(), 'origin')
  t.deepEqual(asked, [`GET ${url}/a`])
})

test('https goes through a tunnel, whose keeper sees and says nothing', async (t) => {
  const url = await serveTls(t, (request, response) => response.end(request.headers.authorization))
  const { proxy, said } = await serveTunnel(t, '200 OK')
  const headers = { authorization: 'Bearer secret' }
  const result = await transfer({ ...limits, url, proxy, headers, caFile: certificates(t).ca })
  t.is(result.body?.toString(), 'Bearer secret')
  t.false('x-proxy' in result.headers)
  t.is(said.length, 1)
  t.notRegex(said.join(), /secret/)
})

test('a tunnel refused is an error, not an answer', async (t) => {
  const url = await serveTls(t, () => t.fail())
  const { proxy } = await serveTunnel(t, '403 Forbidden')
  await failsWith(t, transfer({ ...limits, url, proxy, caFile: certificates(t).ca }), 'CURLE_RECV_ERROR')
})

test('the environment’s proxy is used where none is given, and not where none is wanted', async (t) => {
  const url = await serve(t, (_request, response) => response.end('origin'))
  const { proxy, asked } = await serveProxy(t)
  const fetch = (chosen: string) => runInProcess('fetch.js', [url, chosen], { http_proxy: proxy })
  t.is(await fetch('environment'), 'origin\n')
  t.is(asked.length, 1)
  t.is(await fetch('none'), 'origin\n')
  t.is(asked.length, 1)
})
