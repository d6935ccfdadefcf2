// Who needs an archive of the store. Whatever is not known for sure counts as needed: a module that is gone is an index
// that cannot be read.

/** An archive as it stands in the store. */
export type StoredArchiveFacts = {
  /** Its directory. */
  path: string
  fullName: string
  version: string
  digest: string
  /** Major of the servers that can load it; null for all of them. */
  major: number | null
  /** Its modules, as maps of processes are compared with them. */
  modules: string[]
  /** When somebody relied on it last, milliseconds since 1970. */
  claimed: number
}

/** An extension as a database's record has it, or has had it on another machine. */
export type RecordedExtension = { full_name: string; version: string; digest: string }

export type DatabaseUse = {
  name: string
  extensions: RecordedExtension[]
  /** Modules that its functions name. */
  modules: string[]
}

export type TargetUse = {
  target: string
  /** Of its server; undefined when not even that could be found out. */
  major: number | undefined
  /** Why not all of it could be asked, as the rest of a sentence; then it may use everything that its server can load. */
  fault?: string
  databases: DatabaseUse[]
  /** Modules that settings and replication slots name. */
  libraries: string[]
  /** Begin of the oldest transaction that is open: what it has created nobody else sees yet. */
  openSince?: number
  /** Files of the store that the installation has links to. */
  linkedFiles: string[]
  /** Its links to modules: bare name, and where in the store they lead. */
  links: { name: string; file: string }[]
}

export type ArchiveUse = {
  databases: { target: string; database: string }[]
  /** Why it is needed besides, as sentences. */
  reasons: string[]
}

/** How far a clock may be set back between the begin of a transaction and what it relies on, milliseconds. */
const clockSlackMs = 60_000

/** `mapped` is what processes have mapped; undefined when that could not be found out. */
export function useOf(
  archive: StoredArchiveFacts,
  store: StoredArchiveFacts[],
  targets: TargetUse[],
  mapped: Set<string> | undefined,
): ArchiveUse {
  const use: ArchiveUse = { databases: [], reasons: [] }
  for (const target of targets) {
    if (!canLoad(target, archive)) continue
    for (const database of target.databases) {
      if (isUsedBy(database, archive, target, store)) {
        use.databases.push({ target: target.target, database: database.name })
      }
    }
    use.reasons.push(...reasonsOf(target, archive))
  }
  if (archive.modules.length > 0 && mapped === undefined) {
    use.reasons.push('Not every process may be looked at, and one may have it loaded.')
  } else if (archive.modules.some((module) => mapped?.has(module))) use.reasons.push('A process has it loaded.')
  return use
}

function reasonsOf(target: TargetUse, archive: StoredArchiveFacts): string[] {
  const { target: name, fault, openSince, libraries, linkedFiles } = target
  const reasons: string[] = []
  if (fault !== undefined) reasons.push(`Target "${name}" may use it: ${fault}.`)
  if (openSince !== undefined && archive.claimed >= openSince - clockSlackMs) {
    reasons.push(`A transaction of target "${name}" that may have created it is still open.`)
  }
  if (linksTo(target, archive).some((link) => libraries.includes(link))) {
    reasons.push(`Settings or replication slots of target "${name}" name its module.`)
  }
  if (linkedFiles.some((file) => lies(file, archive))) {
    reasons.push(`The installation of target "${name}" has links to its files.`)
  }
  return reasons
}

function isUsedBy(
  { extensions, modules }: DatabaseUse,
  archive: StoredArchiveFacts,
  target: TargetUse,
  store: StoredArchiveFacts[],
): boolean {
  const own = extensions.filter(({ full_name }) => full_name === archive.fullName)
  if (own.some((extension) => isRecorded(extension, archive, target, store))) return true
  // One module serves all versions of its extension: the one that is linked, whichever the record has.
  const links = linksTo(target, archive)
  return links.length > 0 && (own.length > 0 || links.some((link) => modules.includes(link)))
}

/** The digest is that of the machine where it was installed: a standby, and the next major, have other bytes. */
function isRecorded(
  { version, digest }: RecordedExtension,
  archive: StoredArchiveFacts,
  target: TargetUse,
  store: StoredArchiveFacts[],
): boolean {
  const isHere = store.some((other) => other.digest === digest && canLoad(target, other))
  return isHere ? digest === archive.digest : version === archive.version
}

function canLoad({ major }: TargetUse, archive: StoredArchiveFacts): boolean {
  return major === undefined || archive.major === null || archive.major === major
}

function linksTo({ links }: TargetUse, archive: StoredArchiveFacts): string[] {
  return links.filter(({ file }) => lies(file, archive)).map(({ name }) => name)
}

function lies(file: string, { path }: StoredArchiveFacts): boolean {
  return file.startsWith(`${path}/`)
}
