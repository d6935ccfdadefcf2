// What an archive was built against, what it needs, what a machine and a server have, and whether they fit.

/** The PostgreSQL server a module was built against. */
export type BuiltAgainst = {
  /** server_version_num: 150020. */
  version_num: number
  /** FMGR_ABI_EXTRA: empty before PostgreSQL 15, `PostgreSQL` in a stock server. */
  abi_extra: string
  /** BLCKSZ, bytes. */
  block_size: number
  /** XLOG_BLCKSZ, bytes. */
  wal_block_size: number
  /** Built with --enable-cassert. */
  assertions: boolean
}

/** A server as it runs; the same facts. */
export type RunningServer = BuiltAgainst

export type LibraryNeed = {
  soname: string
  /** Symbol versions used of it: `GLIBC_2.14`. */
  versions: string[]
  /** The package that carries it where the archive was built. */
  package?: string
}

export type Needs = {
  /** As `uname -m` says it. */
  architecture: string
  /** x86-64 psABI level 1 to 4; 0 on other architectures. */
  cpu_level: number
  libc: 'glibc' | 'musl'
  libraries: LibraryNeed[]
}

/** What the machine has, as far as needs go. */
export type Machine = {
  architecture: string
  cpuLevel: number
  libc: 'glibc' | 'musl'
  /** Whether the loader finds the library, and in it every symbol version; what is missing, else an empty list. */
  missingOf(library: LibraryNeed): string[]
}

/** 13 to 18: the major of a server_version_num. */
export function majorOf(versionNum: number): number {
  return Math.trunc(versionNum / 10000)
}

/** 15.20 for 150020. */
export function formatVersionNum(versionNum: number): string {
  return `${majorOf(versionNum)}.${versionNum % 10000}`
}

/** `debian12-x86_64`: what stands in an archive's file name, for people; needs decide. */
export function platformName(os: string, architecture: string): string {
  return `${os}-${architecture}`
}

/**
 * Why an archive cannot run on this server and machine, as sentences; empty when it can.
 * A module built against a newer minor may use functions that the running server lacks.
 */
export function unmetNeeds(
  archive: { postgresql: BuiltAgainst | null; needs: Needs | null },
  server: RunningServer,
  machine: Machine,
): string[] {
  return [
    ...(archive.postgresql ? unmetByServer(archive.postgresql, server) : []),
    ...(archive.needs ? unmetByMachine(archive.needs, machine) : []),
  ]
}

function unmetByServer(built: BuiltAgainst, server: RunningServer): string[] {
  if (majorOf(built.version_num) !== majorOf(server.version_num)) {
    return [`It is for PostgreSQL ${majorOf(built.version_num)}, this server is ${majorOf(server.version_num)}.`]
  }
  const unmet: string[] = []
  if (built.version_num > server.version_num) {
    unmet.push(
      `It was built against PostgreSQL ${formatVersionNum(built.version_num)}, this server runs ${formatVersionNum(server.version_num)}.`,
    )
  }
  if (built.abi_extra !== server.abi_extra) {
    unmet.push(`It was built for the ABI "${built.abi_extra}", this server has "${server.abi_extra}".`)
  }
  if (built.block_size !== server.block_size || built.wal_block_size !== server.wal_block_size) {
    unmet.push(
      `It was built for blocks of ${built.block_size} and ${built.wal_block_size} bytes, this server has ${server.block_size} and ${server.wal_block_size}.`,
    )
  }
  if (built.assertions !== server.assertions) {
    unmet.push(`It was built ${built.assertions ? 'with' : 'without'} assertions, unlike this server.`)
  }
  return unmet
}

function unmetByMachine(needs: Needs, machine: Machine): string[] {
  if (needs.architecture !== machine.architecture || needs.libc !== machine.libc) {
    return [
      `It is for ${needs.architecture} with ${needs.libc}, this machine is ${machine.architecture} with ${machine.libc}.`,
    ]
  }
  const unmet: string[] = []
  if (needs.cpu_level > machine.cpuLevel) {
    unmet.push(`It needs x86-64-v${needs.cpu_level}, this machine is x86-64-v${machine.cpuLevel}.`)
  }
  for (const library of needs.libraries) {
    const missing = machine.missingOf(library)
    if (missing.length === 0) continue
    const carrier = library.package === undefined ? '' : ` (package ${library.package} where it was built)`
    unmet.push(`This machine lacks ${missing.join(', ')}${carrier}.`)
  }
  return unmet
}
