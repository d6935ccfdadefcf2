// What the commands for a database have in common: psql's options, one session, its notices shown as psql shows them.
import { userInfo } from 'node:os'
import type { Command } from 'commander'
import { type ConnectionOptions, resolveConnection } from '../adapters/connection.ts'
import { type Notice, Session } from '../adapters/session.ts'
import type { CliContext } from './context.ts'
import { plain } from './table.ts'

/** psql's options, under psql's letters: -h is the host, and help has its long name only. */
export function addConnectionOptions(command: Command): Command {
  return command
    .helpOption('--help', 'display help for command')
    .option('-h, --host <host>', "the server's host, or the directory of its socket (default: PGHOST)")
    .option('-p, --port <port>', "the server's port (default: PGPORT)")
    .option('-U, --username <name>', 'whom to connect as (default: PGUSER, else the OS user)')
    .option('-d, --database <name>', 'the database (default: PGDATABASE, else the user name)')
}

/** Runs `work` in one session, which is closed on every way out. */
export async function withSession<T>(
  context: CliContext,
  connection: ConnectionOptions,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const target = resolveConnection(connection, context.environment, userInfo().username)
  const session = await Session.open(target, {
    signal: context.signal,
    onNotice: (notice) => {
      for (const line of describeNotice(notice)) context.progress(plain(line))
    },
  })
  try {
    return await work(session)
  } finally {
    await session.close()
  }
}

function describeNotice({ severity, message, detail, hint }: Notice): string[] {
  return [`${severity}:  ${message}`, detail && `DETAIL:  ${detail}`, hint && `HINT:  ${hint}`].filter(
    (line) => line !== undefined && line !== '',
  ) as string[]
}
