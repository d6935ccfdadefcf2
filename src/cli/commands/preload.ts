// pginstall preload: modules of extensions in shared_preload_libraries, on the machine of the cluster.
import type { Command } from 'commander'
import { setPreloading, tryPreloading } from '../../cluster/preload.ts'
import { withSetupLock } from '../../cluster/setup-lock.ts'
import type { LinkedModule } from '../../install/links.ts'
import { switchWaiting } from '../../install/module-links.ts'
import { PginstallError } from '../../model/errors.ts'
import type { CliContext } from '../context.ts'
import { findModules, giveName, isEntryOf, wantsToBePreloaded } from '../preload/modules.ts'
import { openPreloadScene, type PreloadOptions, type PreloadScene } from '../preload/scene.ts'
import { configDirectory } from '../set-up.ts'
import { formatTable } from '../table.ts'

const extensionArgument = 'short or full names of extensions whose modules are on this machine'

export function addPreloadCommand(program: Command, context: CliContext): void {
  const preload = program
    .command('preload')
    .description("modules of extensions in shared_preload_libraries, on the server's machine and as root")
  const add = (name: string, description: string) =>
    preload
      .command(name)
      .description(description)
      .option('--target <name>', 'which cluster, as "pginstall setup" has named it (default: main)')
      .option('--role <name>', 'superuser to connect as (default: the name of the OS user of the server)')
  add('list', 'what is preloaded, in its order, and what wants to be')
    .option('--json', 'as JSON')
    .action(async (options: PreloadOptions) => list(context, await openPreloadScene(context, options), options))
  add('add', 'append modules of extensions, once a trial server has started with them')
    .argument('<extension...>', extensionArgument)
    .action((names: string[], options: PreloadOptions) =>
      alone(context, options, (scene) => addModules(context, scene, names)),
    )
  add('remove', 'take modules of extensions out')
    .argument('<extension...>', `${extensionArgument}, or entries of the setting`)
    .action((names: string[], options: PreloadOptions) =>
      alone(context, options, (scene) => removeModules(context, scene, names)),
    )
  add(
    'switch',
    'while the server is stopped: let preloaded modules go to the versions that updates have brought',
  ).action((options: PreloadOptions) => alone(context, options, (scene) => switchModules(context, scene)))
}

/** The setting is read, added to and written back: one at a time. */
function alone(
  context: CliContext,
  options: PreloadOptions,
  work: (scene: PreloadScene) => Promise<void>,
): Promise<void> {
  return withSetupLock(configDirectory(context), async () => work(await openPreloadScene(context, options)))
}

async function addModules(context: CliContext, scene: PreloadScene, names: string[]): Promise<void> {
  const { cluster, role, preloading } = scene
  const libraries = [...preloading.libraries]
  for (const module of names.flatMap((name) => findModules(scene.links, name))) {
    await giveName(scene, module)
    if (libraries.some((entry) => isEntryOf(scene, module, entry))) context.out(`there already: ${module.module}`)
    else libraries.push(module.module)
  }
  const added = libraries.slice(preloading.libraries.length)
  if (added.length === 0) return
  context.progress('pginstall preload: starting a trial server')
  await tryPreloading(cluster, libraries, preloading.path, context.signal)
  await setPreloading(cluster, role, preloading, libraries)
  for (const module of added) context.out(`added: ${module}`)
  sayWhen(context, scene)
}

async function removeModules(context: CliContext, scene: PreloadScene, names: string[]): Promise<void> {
  const { cluster, role, preloading } = scene
  const isMeant = (entry: string) => names.some((name) => isNamed(scene, name, entry))
  const removed = preloading.libraries.filter(isMeant)
  for (const name of names) {
    if (!removed.some((entry) => isNamed(scene, name, entry))) context.out(`not there: ${name}`)
  }
  if (removed.length === 0) return
  await setPreloading(
    cluster,
    role,
    preloading,
    preloading.libraries.filter((entry) => !isMeant(entry)),
  )
  for (const entry of removed) context.out(`removed: ${entry}`)
  sayWhen(context, scene)
}

/** An entry whose module is gone keeps the server from starting: it is known by its own name, too. */
function isNamed(scene: PreloadScene, name: string, entry: string): boolean {
  if (entry === name) return true
  const modules = scene.links.filter(({ fullName }) => fullName === name || fullName.endsWith(`/${name}`))
  return modules.some((module) => isEntryOf(scene, module, entry))
}

async function switchModules(
  context: CliContext,
  { cluster, directory, waiting, relink }: PreloadScene,
): Promise<void> {
  if (cluster.server !== undefined) {
    throw new PginstallError('object_in_use', `the server of cluster "${cluster.dataDirectory}" runs`, {
      detail: 'Its processes have the modules that would be replaced.',
      hint: 'Stop it, type the same again, and start it.',
    })
  }
  if (waiting.length === 0) context.progress('pginstall preload: no module waits for a restart')
  else await relink((work) => switchWaiting(waiting, { directory, work }))
  for (const { module, version } of waiting) context.out(`switched: ${module} to version ${version}`)
}

function sayWhen(context: CliContext, { cluster }: PreloadScene): void {
  const what = cluster.server === undefined ? 'starts' : 'is restarted'
  context.progress(`pginstall preload: this holds once the server ${what}`)
}

type Row = {
  module: string
  /** Null, as the version, of what did not come through pginstall. */
  full_name: string | null
  version: string | null
  /** In the setting, as the next start will read it. */
  configured: boolean
  /** In the running server; null when none runs. */
  running: boolean | null
  /** The version that waits for a restart. */
  waiting: string | null
}

function list(context: CliContext, scene: PreloadScene, { json }: PreloadOptions): void {
  const rows = rowsOf(scene)
  if (json) {
    context.out(JSON.stringify(rows, null, 2))
    return
  }
  const word = (is: boolean | null) => (is === null ? '-' : is ? 'yes' : 'no')
  const cells = rows.map(({ module, full_name, version, configured, running, waiting }) => [
    ...[module, full_name ?? '-', version ?? '-', word(configured), word(running), waiting ?? '-'],
  ])
  for (const line of formatTable(['MODULE', 'EXTENSION', 'VERSION', 'SET', 'RUNNING', 'WAITING'], cells))
    context.out(line)
}

/** What is preloaded or will be, in that order, then what wants to be. */
function rowsOf(scene: PreloadScene): Row[] {
  const { links, waiting, preloading } = scene
  const { libraries, running } = preloading
  const entries = [...new Set([...libraries, ...(running ?? [])])]
  const row = (module: string, link: LinkedModule | undefined): Row => {
    const next = waiting.find((other) => other.module === link?.module && other.fullName === link.fullName)
    return {
      module,
      full_name: link?.fullName ?? null,
      version: link?.version ?? null,
      configured: libraries.includes(module),
      running: running?.includes(module) ?? null,
      waiting: next?.version ?? null,
    }
  }
  const idle = links.filter((link) => !entries.some((entry) => isEntryOf(scene, link, entry)))
  return [
    ...entries.map((entry) =>
      row(
        entry,
        links.find((link) => isEntryOf(scene, link, entry)),
      ),
    ),
    ...idle.filter(wantsToBePreloaded).map((link) => row(link.module, link)),
  ]
}
