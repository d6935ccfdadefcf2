// What a module is and needs: the ELF header read here, the rest as binutils' readelf says it.
import { open } from 'node:fs/promises'
import { PginstallError } from '../model/errors.ts'
import type { LibraryNeed, Needs } from '../model/platform.ts'
import type { UserIds } from './privileges.ts'
import { plainEnvironment, runProcess } from './process.ts'

export type ElfHeader = {
  /** As `uname -m` says it. */
  architecture: string
  /** A shared object (ET_DYN), which a module must be. */
  shared: boolean
}

/** Bytes of a file that readElfHeader wants to see. */
export const elfHeaderBytes = 20

/** Modules are strangers' files: root has them read by another user. */
export type ReadelfOptions = { signal: AbortSignal; user: UserIds | undefined }

const timeoutMs = 60_000

/** e_machine, as the ELF specification's registry has it; of the 64-bit machines the little-endian kind. */
const machines: Record<number, string> = {
  3: 'i686',
  21: 'ppc64le',
  22: 's390x',
  40: 'armv7l',
  62: 'x86_64',
  183: 'aarch64',
  243: 'riscv64',
  258: 'loongarch64',
}

/** Null for what is no ELF file, or one for an architecture that we do not know. */
export function readElfHeader(bytes: Buffer): ElfHeader | null {
  if (bytes.length < elfHeaderBytes || bytes.readUInt32BE(0) !== 0x7f454c46) return null
  const littleEndian = bytes[5] === 1
  const half = (at: number) => (littleEndian ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at))
  const architecture = machines[half(18)]
  return architecture === undefined ? null : { architecture, shared: half(16) === 3 }
}

/** The header of a file on disk. */
export async function readElfFile(path: string): Promise<ElfHeader | null> {
  await using file = await open(path, 'r')
  const { buffer, bytesRead } = await file.read(Buffer.alloc(elfHeaderBytes), 0, elfHeaderBytes, 0)
  return readElfHeader(buffer.subarray(0, bytesRead))
}

/**
 * What the modules need of a machine, together. `server` is the postgres binary they are for: a module may do without
 * the C library, the server it is loaded into does not, and says which one it is.
 * @throws PginstallError io_error; build_failed for a module that is no shared object or not of the server's architecture
 */
export async function readNeeds(modules: string[], server: string, how: ReadelfOptions): Promise<Needs> {
  const { header, libraries: serverLibraries } = await readDynamic(server, how)
  const versionsOf = new Map<string, Set<string>>()
  let cpuLevel = header.architecture === 'x86_64' ? 1 : 0
  for (const module of modules) {
    const dynamic = await readDynamic(module, how)
    if (!dynamic.header.shared || dynamic.header.architecture !== header.architecture) {
      throw new PginstallError('build_failed', `module "${module}" is no shared object for ${header.architecture}`)
    }
    cpuLevel = Math.max(cpuLevel, dynamic.cpuLevel)
    for (const [soname, versions] of dynamic.libraries) {
      versionsOf.set(soname, new Set([...(versionsOf.get(soname) ?? []), ...versions]))
    }
  }
  const packages = await findPackages([...versionsOf.keys()], header.architecture, how.signal)
  const libraries = [...versionsOf].map(([soname, versions]): LibraryNeed => {
    const carrier = packages.get(soname)
    return { soname, versions: [...versions].sort(), ...(carrier === undefined ? {} : { package: carrier }) }
  })
  return {
    architecture: header.architecture,
    cpu_level: cpuLevel,
    libc: serverLibraries.has('libc.so.6') ? 'glibc' : 'musl',
    libraries: libraries.sort((a, b) => (a.soname < b.soname ? -1 : 1)),
  }
}

type Dynamic = { header: ElfHeader; libraries: Map<string, Set<string>>; cpuLevel: number }

async function readDynamic(path: string, { signal, user }: ReadelfOptions): Promise<Dynamic> {
  const header = await readElfFile(path)
  if (header === null) throw new PginstallError('build_failed', `file "${path}" is no ELF file of a known architecture`)
  const args = ['--wide', '--dynamic', '--version-info', '--notes', path]
  const { stdout } = await runProcess('readelf', args, {
    signal,
    timeoutMs,
    ...(user === undefined ? {} : { user }),
  })
  return { header, ...parseReadelf(stdout) }
}

/** Exported for its test. */
export function parseReadelf(text: string): Omit<Dynamic, 'header'> {
  const libraries = new Map<string, Set<string>>()
  for (const [, soname] of text.matchAll(/\(NEEDED\)\s+Shared library: \[([^\]]+)\]/g)) {
    libraries.set(soname as string, new Set())
  }
  // Only the section of needed versions says "File:"; the one of defined versions says "Name:" alone.
  let needed: Set<string> | undefined
  for (const line of text.split('\n')) {
    const file = /Version: 1\s+File: (\S+)\s/.exec(line)?.[1]
    if (file !== undefined) needed = libraries.get(file)
    else if (/^Version .*section '/.test(line)) needed = undefined
    const name = /^\s+0x[0-9a-f]+:\s+Name: (\S+)\s/.exec(line)?.[1]
    if (name !== undefined) needed?.add(name)
  }
  const levels = [...text.matchAll(/x86 ISA needed: ([^\n]*)/g)].flatMap(([, isas]) =>
    [...(isas as string).matchAll(/x86-64-v([234])/g)].map(([, level]) => Number(level)),
  )
  return { libraries, cpuLevel: Math.max(0, ...levels) }
}

/** Which package of the build system carries each soname, for the hint of a machine that lacks it; none without dpkg. */
async function findPackages(
  sonames: string[],
  architecture: string,
  signal: AbortSignal,
): Promise<Map<string, string>> {
  const packages = new Map<string, string>()
  if (sonames.length === 0) return packages
  // dpkg-query fails when it does not find all of them, but lists those it finds.
  const found: string[] = []
  const patterns = sonames.map((soname) => `*/${soname}`)
  await runProcess('dpkg-query', ['--search', ...patterns], {
    signal,
    timeoutMs,
    env: { ...plainEnvironment, DPKG_COLORS: 'never' },
    onLine: (line) => found.push(line),
  }).catch((thrown: unknown) => {
    if (!(thrown instanceof PginstallError && thrown.is('io_error'))) throw thrown
  })
  for (const line of found) {
    const match = /^([a-z0-9.+-]+)[^ ]* \/(?:usr\/)?lib(?:64)?\/(?:([a-z0-9_]+)-linux-[a-z0-9]+\/)?([^/]+)$/.exec(line)
    const [, carrier, triplet = architecture, soname] = match ?? []
    if (carrier === undefined || soname === undefined || triplet !== architecture) continue
    if (sonames.includes(soname) && !packages.has(soname)) packages.set(soname, carrier)
  }
  return packages
}
