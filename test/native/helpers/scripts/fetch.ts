// fetch.js URL none|environment: writes the body, then has nothing more to do.
import { argv, stdout } from 'node:process'
import { transfer } from '../../../../native/index.ts'

const [, , url = '', proxy] = argv
const options = { maxBytes: 1_000, connectTimeoutMs: 5_000, stallTimeoutMs: 5_000 }
const { body } = await transfer({ ...options, url, proxy: proxy === 'none' ? '' : undefined })
stdout.write(`${body}\n`)
