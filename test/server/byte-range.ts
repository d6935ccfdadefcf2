import test from 'ava'
import { parseRange } from '../../src/server/byte-range.ts'

const size = 100
const cases: [header: string | undefined, expected: ReturnType<typeof parseRange>][] = [
  [undefined, undefined],
  ['bytes=0-0', { first: 0, last: 0 }],
  ['bytes=99-', { first: 99, last: 99 }],
  ['bytes=50-1000', { first: 50, last: 99 }],
  ['bytes=-1', { first: 99, last: 99 }],
  ['bytes=-1000', { first: 0, last: 99 }],
  ['bytes=100-', 'unsatisfiable'],
  ['bytes=-0', 'unsatisfiable'],
  ['bytes=9-5', undefined],
  ['bytes=-', undefined],
  ['bytes=0-1,3-4', undefined],
  ['bytes=a-b', undefined],
  ['lines=0-1', undefined],
  ['bytes=99999999999999999999-', undefined],
]

for (const [header, expected] of cases) {
  test(`of ${size} bytes, ${header} is ${JSON.stringify(expected)}`, (t) =>
    t.deepEqual(parseRange(header, size), expected))
}
