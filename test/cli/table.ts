import test from 'ava'
import { count, formatBytes, formatFields, formatTable, plain } from '../../src/cli/table.ts'

test('what a terminal would obey is not shown', (t) => {
  t.is(plain('a\u001b[2Jb\nc\u0007\u202ed\u009be'), 'a?[2Jb?c??d?e')
  t.is(plain('naïve 日本 — ok'), 'naïve 日本 — ok')
})

test('columns are as wide as their widest cell, and lines have no blanks at their end', (t) => {
  t.deepEqual(
    formatTable(
      ['NAME', 'V'],
      [
        ['a', '1'],
        ['longer', ''],
      ],
    ),
    ['NAME    V', 'a       1', 'longer'],
  )
})

test('fields stand one below the other, without those that are undefined', (t) => {
  t.deepEqual(
    formatFields([
      ['name', 'x'],
      ['gone', undefined],
      ['repository', 'y\n'],
    ]),
    ['name:       x', 'repository: y?'],
  )
})

test('sizes have the largest unit that leaves a whole one', (t) => {
  t.deepEqual([0, 1023, 1024, 1536 * 1024, 5 * 1024 ** 4, 2 ** 60].map(formatBytes), [
    '0 B',
    '1023 B',
    '1.0 kB',
    '1.5 MB',
    '5.0 TB',
    '1048576.0 TB',
  ])
})

test('one of a kind is in the singular', (t) => {
  t.deepEqual([count(0, 'grant'), count(1, 'grant'), count(2, 'grant')], ['0 grants', '1 grant', '2 grants'])
})
