// What this machine offers to modules: architecture, CPU level, libc, shared libraries and their symbol versions.
import { readFileSync, statSync } from 'node:fs'
import { machine as architecture } from 'node:os'
import type { LibraryNeed, Machine } from '../model/platform.ts'
import { runProcess } from './process.ts'

const loaderCache = '/etc/ld.so.cache'
const ldconfigTimeoutMs = 10_000

/** CPU flags of the levels 2 to 4, as /proc/cpuinfo names them; x86-64 psABI, "Micro-Architecture Levels". */
const levelFlags = [
  ['cx16', 'lahf_lm', 'popcnt', 'pni', 'sse4_1', 'sse4_2', 'ssse3'],
  ['avx', 'avx2', 'bmi1', 'bmi2', 'f16c', 'fma', 'abm', 'movbe', 'xsave'],
  ['avx512f', 'avx512bw', 'avx512cd', 'avx512dq', 'avx512vl'],
]

/** Reads the machine once; libraries again when the loader's cache has changed. */
export class LocalMachine {
  #libraries = new Map<string, string>()
  /** Whether a library has a version, by its path: reading megabytes of text for each request takes milliseconds. */
  #versions = new Map<string, Map<string, boolean>>()
  #cacheTime = -1
  /** What changes only with a reboot, or with another libc under our feet. */
  readonly #lasting = { architecture: architecture(), cpuLevel: readCpuLevel(), libc: libc() }

  async read(signal: AbortSignal): Promise<Machine> {
    await this.#readLibraries(signal)
    return { ...this.#lasting, missingOf: (library) => this.#missingOf(library) }
  }

  async #readLibraries(signal: AbortSignal): Promise<void> {
    const changed = statSync(loaderCache, { throwIfNoEntry: false })?.mtimeMs ?? 0
    if (changed === this.#cacheTime) return
    const { stdout } = await runProcess('/sbin/ldconfig', ['-p'], { signal, timeoutMs: ldconfigTimeoutMs })
    this.#libraries = parseLoaderCache(stdout)
    this.#versions.clear()
    this.#cacheTime = changed
  }

  /** A library's version definitions stand in its string table, each ended by NUL: looking for them there is enough. */
  #missingOf({ soname, versions }: LibraryNeed): string[] {
    const path = this.#libraries.get(soname)
    if (path === undefined) return [soname]
    const known = this.#versions.get(path) ?? new Map<string, boolean>()
    this.#versions.set(path, known)
    const unknown = versions.filter((version) => !known.has(version))
    if (unknown.length > 0) {
      const text = readFileSync(path)
      for (const version of unknown) known.set(version, text.includes(`\0${version}\0`))
    }
    return versions.filter((version) => !known.get(version))
  }
}

/** Lines of `ldconfig -p`: `	libc.so.6 (libc6,x86-64, OS ABI: …) => /lib/x86_64-linux-gnu/libc.so.6`. */
function parseLoaderCache(text: string): Map<string, string> {
  const native = architecture() === 'x86_64' ? 'x86-64' : architecture() === 'aarch64' ? 'AArch64' : ''
  const libraries = new Map<string, string>()
  for (const line of text.split('\n')) {
    const match = /^\t(\S+) \(([^)]*)\) => (\S+)$/.exec(line)
    if (match?.[1] === undefined || match[2] === undefined || match[3] === undefined) continue
    // The first of several is the one the loader takes.
    if (match[2].includes(native) && !libraries.has(match[1])) libraries.set(match[1], match[3])
  }
  return libraries
}

function readCpuLevel(): number {
  if (architecture() !== 'x86_64') return 0
  const flags = new Set(/^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1]?.trim().split(/\s+/))
  const missing = levelFlags.findIndex((level) => !level.every((flag) => flags.has(flag)))
  return missing === -1 ? 4 : missing + 1
}

/** The report takes milliseconds to make: once. */
function libc(): Machine['libc'] {
  const { header } = process.report.getReport() as { header?: { glibcVersionRuntime?: string } }
  return header?.glibcVersionRuntime === undefined ? 'musl' : 'glibc'
}
