// npm run bench -- [--major MAJOR] [--json] [NAME…]: measures, prints a line a figure. A mark that is missed is shown and is no failure:
// the next run on a quieter machine may keep it. A benchmark that cannot be carried out is one.
import { parseArgs } from 'node:util'
import { type Benchmark, gatherCast } from './cast.ts'
import { createCold, createColdApt, createWarm } from './create-extension.ts'
import { type Figure, formatFigure, type Mark } from './figures.ts'
import { hookOverhead } from './hook-overhead.ts'
import { sidecarReady, sidecarRss } from './sidecar.ts'
import { transferLarge, transferSmall } from './transfer.ts'

const benchmarks: Record<string, Benchmark> = {
  'hook-overhead': hookOverhead,
  'create-cold': createCold,
  'create-cold-apt': createColdApt,
  'create-warm': createWarm,
  'transfer-large': transferLarge,
  'transfer-small': transferSmall,
  'sidecar-rss': sidecarRss,
  'sidecar-ready': sidecarReady,
}

const marks: Record<string, Mark> = {
  'hook-overhead': { atMost: 1.01 },
  'create-cold': { atMost: 1.5 },
  'create-cold-apt': { atLeast: 5 },
  'create-warm': { atMost: 5 },
  'transfer-large': { atMost: 1 },
  'transfer-small': { atMost: 1 },
  'sidecar-rss': { atMost: 90 },
  'sidecar-ready': { atMost: 400 },
}

/** As shells have it, when a signal ends us. */
const statusOf = { SIGINT: 130, SIGTERM: 143 }

async function measure(names: string[], print: (found: Figure) => void): Promise<boolean> {
  const cast = gatherCast()
  let good = true
  for (const [signal, status] of Object.entries(statusOf))
    process.once(signal, () => void cast.close().finally(() => process.exit(status)))
  try {
    for (const name of names) {
      process.stderr.write(`bench: ${name}\n`)
      try {
        for (const found of await (benchmarks[name] as Benchmark)(cast)) print(found)
      } catch (thrown) {
        good = false
        process.stderr.write(`bench: ${name} failed: ${thrown instanceof Error ? thrown.message : thrown}\n`)
      }
    }
  } finally {
    await cast.close()
  }
  return good
}

type Arguments = {
  json: boolean
  /** Said with each figure: which PostgreSQL it is of, when it is not this machine's. */
  major: string | undefined
  names: string[]
}

function readArguments(): Arguments {
  const { values, positionals } = parseArgs({
    options: { json: { type: 'boolean', default: false }, major: { type: 'string' } },
    allowPositionals: true,
  })
  const unknown = positionals.filter((name) => !Object.hasOwn(benchmarks, name))
  if (unknown.length > 0)
    throw new TypeError(`no such benchmark: ${unknown.join(', ')}; there are ${Object.keys(benchmarks).join(', ')}`)
  return {
    json: values.json,
    major: values.major,
    names: positionals.length > 0 ? positionals : Object.keys(benchmarks),
  }
}

function readArgumentsOrExit(): Arguments {
  try {
    return readArguments()
  } catch (thrown) {
    process.stderr.write(`bench: ${(thrown as Error).message}\n`)
    process.exit(2)
  }
}

const { json, major, names } = readArgumentsOrExit()
const good = await measure(names, (found) => {
  const line = json
    ? JSON.stringify(major === undefined ? found : { ...found, major: Number(major) })
    : `${major === undefined ? '' : `PostgreSQL ${major}: `}${formatFigure(found, marks[found.name])}`
  process.stdout.write(`${line}\n`)
})
process.exit(good ? 0 : 1)
