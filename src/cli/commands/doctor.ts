// pginstall doctor: looks at everything that installing needs, and says what is wrong and what to type.
import { userInfo } from 'node:os'
import type { Command } from 'commander'
import { type ConnectionOptions, resolveConnection } from '../../adapters/connection.ts'
import type { PgConfig } from '../../adapters/pg-config.ts'
import { readGrants } from '../../adapters/policy-settings.ts'
import { Session } from '../../adapters/session.ts'
import { readSettings, type Settings } from '../../adapters/settings.ts'
import { listTargets, withTarget } from '../../adapters/targets.ts'
import { type Cluster, describeCluster } from '../../cluster/locate.ts'
import { withSession } from '../../cluster/session.ts'
import { reportError } from '../../model/errors.ts'
import { type Finding, failure, ok, warning } from '../../model/finding.ts'
import { addConnectionOptions } from '../connect.ts'
import type { CliContext } from '../context.ts'
import { describeFinding } from '../describe-finding.ts'
import { checkInstallation } from '../doctor/installation.ts'
import { checkDirectory, checkDisk, checkUsers } from '../doctor/machine.ts'
import { checkRepositories } from '../doctor/repositories.ts'
import { checkServer } from '../doctor/server.ts'
import { checkSidecar } from '../doctor/sidecar.ts'
import { count } from '../table.ts'

type Options = ConnectionOptions & { target?: string; json?: true }

/** As "pginstall setup" names one that is not named. */
const defaultTarget = 'main'
const settingsHint = '"pginstall config" shows all settings and where they are set.'

export function addDoctorCommand(program: Command, context: CliContext): void {
  addConnectionOptions(
    program
      .command('doctor')
      .description('check everything that installing needs, and say what to type where something is wrong'),
  )
    .option('--target <name>', 'with the settings of this target over the others (default: "main", where it is set up)')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExit status: 0 when nothing is wrong, though there may be warnings; 1 when something is.')
    .action((options: Options) => doctor(context, options))
}

async function doctor(context: CliContext, options: Options): Promise<void> {
  const findings: Finding[] = []
  for await (const finding of examine(context, options)) {
    findings.push(finding)
    if (!options.json) for (const line of describeFinding(finding)) context.out(line)
  }
  if (findings.some(({ state }) => state === 'error')) context.exitStatus(1)
  if (options.json) context.out(JSON.stringify(findings, null, 2))
}

/** In the order in which things depend on each other: the first that is wrong is the first to repair. */
async function* examine(context: CliContext, options: Options): AsyncGenerator<Finding> {
  const { signal, environment, configDirectories: given } = context
  let directories: string[]
  let settings: Settings
  try {
    const target = options.target ?? (listTargets(given).includes(defaultTarget) ? defaultTarget : undefined)
    directories = target === undefined ? given : withTarget(given, target)
    settings = readSettings(directories)
    const grants = readGrants(directories).length
    yield ok('settings', `read from ${directories.join(', ')}; ${count(grants, 'grant')}`)
  } catch (thrown) {
    yield failure('settings', thrown, settingsHint)
    return
  }
  const { findings, installation } = await checkInstallation(settings.pg_config, signal)
  yield* findings
  yield* checkMachine(settings)
  yield* await checkSidecar(settings, environment, signal)
  yield* await checkRepositories(directories, settings, signal)
  yield* await checkRunningServer(context, options, settings, installation)
}

/** Directory and disk are looked at only where there are such users and such a directory. */
function* checkMachine(settings: Settings): Generator<Finding> {
  const users = checkUsers(settings)
  yield users
  if (users.state === 'error') return
  const directory = checkDirectory(settings)
  yield directory
  if (directory.state === 'ok') yield checkDisk(settings)
}

/** Not to get in is a warning: the machine may have a server that lets only others in. */
async function checkRunningServer(
  { signal, environment }: CliContext,
  options: Options,
  settings: Settings,
  installation: PgConfig | undefined,
): Promise<Finding[]> {
  try {
    const own = describeOwnCluster(options, environment, settings, installation)
    if (own !== undefined) {
      return await withSession(own, { preload: true }, ({ query }) =>
        checkServer({ read: query }, settings, installation),
      )
    }
    const target = resolveConnection(options, environment, userInfo().username)
    const session = await Session.open(target, { signal, onNotice: () => undefined })
    try {
      return await checkServer(session, settings, installation)
    } finally {
      await session.close()
    }
  } catch (thrown) {
    signal.throwIfAborted()
    const { message, detail, hint } = reportError(thrown)
    const text = detail === undefined ? message : `${message}: ${detail}`
    return [
      warning('server', `it was not looked into: ${text}`, hint ?? 'Connect as a role that it lets in: -U and -d'),
    ]
  }
}

/** Root, who says nothing else, asks the target's cluster as set-up does: in the name of the server's OS user. */
function describeOwnCluster(
  options: Options,
  environment: CliContext['environment'],
  { data_directory: directory }: Settings,
  installation: PgConfig | undefined,
): Cluster | undefined {
  const { host, port, username, database } = options
  const { PGHOST, PGPORT, PGUSER, PGDATABASE } = environment
  const isTold = [host, port, username, database, PGHOST, PGPORT, PGUSER, PGDATABASE].some((given) => given)
  if (process.getuid?.() !== 0 || isTold || directory === '' || installation === undefined) return undefined
  return describeCluster(directory, installation)
}
