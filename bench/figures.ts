// What a benchmark finds out, and how it is told.
/** One line of the answer. */
export type Figure = {
  name: string
  /** Median of the runs. */
  value: number
  unit: 'ratio' | 'ms' | 'MB' | 'ms/s' | 'tps'
  /** What it is compared with: the divisor of a ratio, the subtrahend of a difference. Null for a plain measure. */
  versus: string | null
  runs: number
  min: number
  max: number
}

/** What a figure has to keep to. */
export type Mark = { atMost: number } | { atLeast: number }

/** A median of fewer runs is noise. */
export const defaultRuns = 7

/**
 * All sides in turn, each run beginning with another one: what a machine does to one side it does to the others. One
 * sample a run, so that what is compared happened within seconds.
 */
export async function takeInTurn<Side extends string, Taken>(
  sides: Record<Side, () => Promise<Taken>>,
  runs = defaultRuns,
): Promise<Record<Side, Taken>[]> {
  const order = Object.keys(sides) as Side[]
  const samples: Record<Side, Taken>[] = []
  for (let run = 0; run < runs; run++) {
    const sample: Partial<Record<Side, Taken>> = {}
    for (const side of order) sample[side] = await sides[side]()
    samples.push(sample as Record<Side, Taken>)
    order.push(...order.splice(0, 1))
  }
  return samples
}

export function figure(name: string, unit: Figure['unit'], values: number[], versus: string | null = null): Figure {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (index: number) => sorted[index] ?? Number.NaN
  const middle = (sorted.length - 1) / 2
  return {
    name,
    value: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    unit,
    versus,
    runs: sorted.length,
    min: at(0),
    max: at(sorted.length - 1),
  }
}

export function keeps({ value }: Figure, mark: Mark): boolean {
  return 'atMost' in mark ? value <= mark.atMost : value >= mark.atLeast
}

/** The line for people. */
export function formatFigure(found: Figure, mark: Mark | undefined): string {
  const { name, value, unit, versus, runs, min, max } = found
  const spread = `${round(min)} to ${round(max)} in ${runs} runs`
  const against = versus === null ? '' : `, versus ${versus}`
  return `${name.padEnd(24)} ${round(value).padStart(8)} ${unit.padEnd(5)} (${spread}${against})${verdict(found, mark)}`
}

function verdict(found: Figure, mark: Mark | undefined): string {
  if (mark === undefined) return ''
  const bound = 'atMost' in mark ? `at most ${mark.atMost}` : `at least ${mark.atLeast}`
  return keeps(found, mark) ? ` [kept: ${bound}]` : ` [MISSED: ${bound}]`
}

function round(value: number): string {
  return value.toFixed(Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 2 ? 2 : 4)
}
