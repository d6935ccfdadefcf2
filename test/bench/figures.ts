import test from 'ava'
import { type Figure, figure, formatFigure, keeps, takeInTurn } from '../../bench/figures.ts'

test('a figure is the median, with the extremes', (t) => {
  const odd = figure('odd', 'ms', [9, 1, 5])
  t.deepEqual(odd, { name: 'odd', value: 5, unit: 'ms', versus: null, runs: 3, min: 1, max: 9 } satisfies Figure)
  t.is(figure('even', 'ms', [4, 1, 3, 2]).value, 2.5)
})

test('sides are taken in turn, and each begins as often', async (t) => {
  const taken: string[] = []
  const side = (name: string) => async () => taken.push(name)
  const samples = await takeInTurn({ ours: side('ours'), curl: side('curl'), fetch: side('fetch') }, 3)
  t.deepEqual(taken, ['ours', 'curl', 'fetch', 'curl', 'fetch', 'ours', 'fetch', 'ours', 'curl'])
  t.deepEqual(samples[1], { ours: 6, curl: 4, fetch: 5 })
})

test('a mark is kept or missed, and the line says which', (t) => {
  const found = figure('speed', 'ratio', [1.5], 'curl')
  t.true(keeps(found, { atMost: 1.5 }))
  t.false(keeps(found, { atMost: 1.4 }))
  t.false(keeps(found, { atLeast: 2 }))
  t.regex(formatFigure(found, { atMost: 1.4 }), /^speed .*1\.5000 ratio .*versus curl\) \[MISSED: at most 1\.4\]$/)
  t.regex(formatFigure(found, { atLeast: 1 }), /\[kept: at least 1\]$/)
})
