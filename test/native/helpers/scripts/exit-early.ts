// exit-early.js URL: exits as soon as the first byte is there.
import { writeSync } from 'node:fs'
import { argv, exit } from 'node:process'
import { transfer } from '../../../../native/index.ts'

const chunks = () => {
  writeSync(1, 'exiting\n')
  exit(0)
}
const options = { maxBytes: 1_000, connectTimeoutMs: 5_000, stallTimeoutMs: 5_000, proxy: '' }
await transfer({ ...options, url: argv[2] ?? '', sink: { chunks } })
