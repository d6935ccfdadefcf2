// pginstall prepare-upgrade: what pg_upgrade will need of extensions, fetched before, and what it would trip over.
import type { Command } from 'commander'
import { findCluster } from '../../cluster/find-cluster.ts'
import { prepareUpgrade } from '../../cluster/prepare-upgrade.ts'
import { PginstallError } from '../../model/errors.ts'
import type { Finding } from '../../model/finding.ts'
import type { CliContext } from '../context.ts'
import { describeFinding } from '../describe-finding.ts'

type Options = { old: string; new: string; role?: string; json?: true }

export function addPrepareUpgradeCommand(program: Command, context: CliContext): void {
  program
    .command('prepare-upgrade')
    .description('fetch the modules that pg_upgrade will need for another PostgreSQL major, and say what would stop it')
    .requiredOption('--old <cluster>', 'the cluster with the databases; its server must run')
    .requiredOption('--new <cluster>', 'the new cluster, as initdb and "pginstall setup" have made it')
    .option('--role <name>', 'superuser of the old cluster (default: the name of the OS user of the server)')
    .option('--json', 'as JSON')
    .addHelpText(
      'after',
      '\nA cluster is named by its target, its data directory or the pg_config of its installation.\n' +
        '\nExit status: 0 when nothing stands in the way, though there may be warnings; 1 when something does.',
    )
    .action((options: Options) => run(context, options))
}

async function run(context: CliContext, options: Options): Promise<void> {
  const { configDirectories, signal } = context
  const old = await findCluster(configDirectories, options.old, signal)
  const { cluster, target } = await findCluster(configDirectories, options.new, signal)
  if (target === undefined) {
    throw new PginstallError('undefined_file', `cluster "${cluster.dataDirectory}" is no target of pginstall`, {
      hint: `Set it up first: pginstall setup --pg-config ${cluster.installation.path} --data-directory ${cluster.dataDirectory} --target NAME`,
    })
  }
  const findings: Finding[] = []
  for await (const finding of prepareUpgrade(old.cluster, { cluster, target }, { role: options.role, signal })) {
    findings.push(finding)
    if (!options.json) for (const line of describeFinding(finding)) context.out(line)
  }
  if (findings.some(({ state }) => state === 'error')) context.exitStatus(1)
  if (options.json) context.out(JSON.stringify(findings, null, 2))
}
