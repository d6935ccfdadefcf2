// Requests as they are written: unlike fetch, nothing makes a path proper, and a body may end in the middle.
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'

export type Answer = { status: number; headers: IncomingHttpHeaders; body: Buffer; json(): unknown }

export type RequestOptions = {
  method?: string
  headers?: Record<string, string>
  body?: Buffer | string
  /** The connection is cut when so many bytes of the body were sent. */
  cutAfter?: number
}

export function request(base: string, path: string, options: RequestOptions = {}): Promise<Answer> {
  const { method = 'GET', headers = {}, body, cutAfter } = options
  const { hostname, port } = new URL(base)
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ hostname, port, path, method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const whole = Buffer.concat(chunks)
        const { statusCode: status = 0, headers: received } = response
        resolve({ status, headers: received, body: whole, json: () => JSON.parse(whole.toString()) })
      })
    })
    sent.on('error', reject)
    if (cutAfter === undefined) sent.end(body)
    else sent.write(Buffer.from(body ?? '').subarray(0, cutAfter), () => sent.destroy(new Error('cut')))
  })
}
