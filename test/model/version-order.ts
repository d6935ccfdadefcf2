import test from 'ava'
import { compareVersions } from '../../src/model/version-order.ts'

/** As `dpkg --compare-versions` orders them. */
const ascending = [
  '0.9',
  '1.0~beta',
  '1.0~rc1',
  '1.0',
  '1.0a',
  '1.0+git1',
  '1.0.1',
  '1.2',
  '1.10',
  '2',
  '2024-01-01',
  '2024-02-01',
  'unpackaged',
]

test('older before newer, whatever the order they come in', (t) => {
  t.deepEqual(ascending.toReversed().sort(compareVersions), ascending)
  for (const [i, a] of ascending.entries()) {
    for (const [j, b] of ascending.entries()) t.is(Math.sign(compareVersions(a, b)), Math.sign(i - j), `${a} ${b}`)
  }
})

test('equal but for leading zeros', (t) => {
  t.is(compareVersions('1.01', '1.1'), 0)
  t.is(compareVersions('1.0', '1.0'), 0)
})

test('numbers beyond what a double holds', (t) => {
  t.true(compareVersions('1.90071992547409930', '1.90071992547409931') < 0)
})
