// The man page, made of the command tree: roff with man(7)'s macros.
import { type CommandNode, flatten } from './command-tree.ts'

/** Exit statuses that hold for every command; docs/commands.md says more. */
const exitStatus: [status: string, meaning: string][] = [
  ['0', 'Done; what was to be done already counts as done.'],
  ['1', 'An error, with SQLSTATE, detail and hint on standard error; of several extensions at least one failed.'],
  ['2', 'Wrong usage. Nothing was done.'],
  ['130, 143', 'Ended by SIGINT or SIGTERM.'],
]

const files: [path: string, meaning: string][] = [
  ['/etc/pginstall/pginstall.conf', 'Settings of the system, in the syntax of postgresql.conf.'],
  ['~/.config/pginstall/pginstall.conf', 'Settings of one user, which win.'],
  ['/var/lib/pginstall', 'What the sidecar has placed, and the repository server keeps.'],
]

const environment: [name: string, meaning: string][] = [
  ['PGINSTALL_CONFIG_DIR', 'The one directory to read settings from.'],
  ['PGHOST, PGPORT, PGUSER, PGDATABASE, PGPASSWORD', 'As psql(1) reads them, by the commands for a database.'],
]

export function manPage(root: CommandNode, version: string): string {
  const commands = flatten(root).filter(({ commands }) => commands.length === 0)
  return [
    `.TH PGINSTALL 1 "" ${quote(`pginstall ${version}`)} "PostgreSQL extensions"`,
    '.SH NAME',
    `pginstall \\- ${lowerFirst(toRoff(root.description.replace(/\.$/, '')))}`,
    '.SH SYNOPSIS',
    ...commands.flatMap((command) => ['.br', `.B ${toRoff(command.path.join(' '))}`, toRoff(command.usage)]),
    '.SH COMMANDS',
    ...commands.flatMap(describeCommand),
    '.SH OPTIONS OF ALL COMMANDS',
    ...root.options.flatMap(({ flags, description }) => item(flags, description)),
    '.SH EXIT STATUS',
    ...exitStatus.flatMap(([status, meaning]) => item(status, meaning)),
    '.SH ENVIRONMENT',
    ...environment.flatMap(([name, meaning]) => item(name, meaning)),
    '.SH FILES',
    ...files.flatMap(([path, meaning]) => item(path, meaning)),
    '.SH SEE ALSO',
    '.BR psql (1)',
    '',
  ].join('\n')
}

function describeCommand({ path, usage, description, arguments: args, options, notes }: CommandNode): string[] {
  return [
    `.SS ${quote(`${path.join(' ')} ${usage}`)}`,
    sentence(description),
    ...args.filter((argument) => argument.description !== '').flatMap((one) => item(one.name, one.description)),
    ...options.flatMap((option) => item(option.flags, option.description)),
    ...(notes === '' ? [] : ['.PP', toRoff(notes)]),
  ]
}

function item(term: string, text: string): string[] {
  return ['.TP', `.B ${toRoff(term)}`, sentence(text)]
}

function sentence(text: string): string {
  const whole = text.charAt(0).toUpperCase() + text.slice(1)
  return toRoff(/[.!?)]$/.test(whole) ? whole : `${whole}.`)
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}

/** Backslashes and hyphens as they are; a line must not begin with what roff takes for a request. */
function toRoff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/gm, '\\&$1')
}

function quote(text: string): string {
  return `"${toRoff(text).replaceAll('"', '\\(dq')}"`
}
