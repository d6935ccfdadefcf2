// One server for one data directory: the file in it that says which process that is, and where it listens.
import { readFileSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { replaceFile, writeDurably } from '../adapters/files.ts'
import { PginstallError } from '../model/errors.ts'

export type ServerState = {
  pid: number
  /** Boot and start time of the process: a later process with the same id has others. */
  started: string
  /** When the machine was booted, by the clock, in seconds since 1970. */
  booted: number
  /** Absent while it starts. */
  answers?: Answers
}

/** Where a server answers, and with which key. */
export type Answers = { uri: string; localUri: string; publicKey: string }

export type Claim = {
  /** Says that the server answers. */
  ready(answers: Answers): Promise<void>
  release(): Promise<void>
}

const nobody = { started: '', booted: 0 }
/** The time of the boot is reckoned from the clock, which may be set; between two boots more time passes. */
const maxClockChangeSeconds = 5

/**
 * Takes the data directory for this process. A file that a killed server left is replaced.
 * @throws PginstallError duplicate_object when a server runs
 */
export async function claimDataDirectory(directory: string): Promise<Claim> {
  const path = statePath(directory)
  const own: ServerState = { pid: process.pid, ...describeProcess(process.pid) }
  const running = await readServerState(directory)
  if (running !== undefined) throw alreadyRunning(directory, running)
  await rm(path, { force: true })
  await writeDurably(path, JSON.stringify(own)).catch(async (cause: unknown) => {
    const other = await readServerState(directory)
    throw other === undefined ? cause : alreadyRunning(directory, other)
  })
  return {
    ready: (answers) => replaceFile(path, JSON.stringify({ ...own, answers } satisfies ServerState)),
    release: () => rm(path, { force: true }),
  }
}

/** The server that runs on a data directory; undefined when none does. */
export async function readServerState(directory: string): Promise<ServerState | undefined> {
  const text = await readFile(statePath(directory), 'utf8').catch((cause: unknown) => {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return ''
    throw new PginstallError('io_error', `could not read the server's data directory "${directory}"`, { cause })
  })
  const state = parseState(text)
  return state !== undefined && isRunning(state) ? state : undefined
}

/** Whether that very process still runs. */
export function isRunning(state: ServerState): boolean {
  const { started, booted } = describeProcess(state.pid)
  const [now, then] = [started.split('/'), state.started.split('/')]
  // systemd-nspawn gives a container a boot id of its own, but services in it, whose /proc is another, see the machine's.
  const sameBoot = now[0] === then[0] || Math.abs(booted - state.booted) <= maxClockChangeSeconds
  return now[1] !== undefined && now[1] === then[1] && sameBoot
}

function statePath(directory: string): string {
  return join(directory, 'server.json')
}

/** A file that was cut short by a crash says nothing. */
function parseState(text: string): ServerState | undefined {
  try {
    const state = JSON.parse(text) as Partial<ServerState>
    return Number.isInteger(state.pid) && typeof state.started === 'string' ? (state as ServerState) : undefined
  } catch {
    return undefined
  }
}

/** proc(5): the state is the first field after the name, which may have spaces and brackets; the start time the 20th. */
function describeProcess(pid: number): Pick<ServerState, 'started' | 'booted'> {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
    // A zombie has ended; only its parent has not heard yet.
    if (fields[0] === 'Z' || fields[0] === 'X') return nobody
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    const booted = Number(/^btime (\d+)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1])
    return { started: `${boot}/${fields[19]}`, booted }
  } catch {
    return nobody
  }
}

function alreadyRunning(directory: string, { pid, answers }: ServerState): PginstallError {
  return new PginstallError('duplicate_object', `a repository server is running on "${directory}"`, {
    detail: answers === undefined ? `Its process id is ${pid}.` : `Its process id is ${pid}; it is at ${answers.uri}.`,
    hint: '"pginstall server status" shows it, "pginstall server stop" ends it.',
  })
}
