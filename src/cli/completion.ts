// Completion scripts for shells, made of the command tree. They know commands, options and fixed choices; wherever a
// value is free, the shell completes file names.
import { type CommandNode, flatten } from './command-tree.ts'

export const shells = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof shells)[number]

export function completionScript(shell: Shell, root: CommandNode): string {
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](root)
}

/** Words that may follow a command: its commands, its options, and what an argument must be. */
function wordsOf({ commands, options, arguments: args }: CommandNode): { word: string; description: string }[] {
  return [
    ...commands.map(({ path, description }) => ({ word: path.at(-1) as string, description })),
    ...args.flatMap(({ choices, description }) => choices.map((word) => ({ word, description }))),
    ...options.flatMap(({ short, long, description }) =>
      [short, long].filter((word) => word !== undefined).map((word) => ({ word, description })),
    ),
  ]
}

/** `case` branches that find a word's effect on the path: into a command, or past the value of an option. */
function walkBranches(root: CommandNode): string[] {
  return flatten(root).flatMap(({ path, commands, options }) => {
    const here = path.join(' ')
    const values = options.filter(({ takesValue }) => takesValue).flatMap(({ short, long }) => [short, long])
    return [
      ...commands.map((child) => `      '${here} ${child.path.at(-1)}') path=${quote(child.path.join(' '))} ;;`),
      ...values.filter((option) => option !== undefined).map((option) => `      '${here} ${option}') skip=1 ;;`),
    ]
  })
}

function bashScript(root: CommandNode): string {
  return `# bash completion for pginstall; made by "pginstall completion bash"
_pginstall() {
  local path=pginstall skip= words= i
  for ((i = 1; i < COMP_CWORD; i++)); do
    if [ -n "$skip" ]; then
      skip=
      continue
    fi
    case "$path \${COMP_WORDS[i]}" in
${walkBranches(root).join('\n')}
    esac
  done
  COMPREPLY=()
  [ -z "$skip" ] || return 0
  case "$path" in
${flatten(root)
  .map((node) => {
    const words = wordsOf(node).map(({ word }) => word)
    return `    '${node.path.join(' ')}') words='${words.join(' ')}' ;;`
  })
  .join('\n')}
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}")
}
complete -o default -F _pginstall pginstall
`
}

function zshScript(root: CommandNode): string {
  return `#compdef pginstall
# zsh completion for pginstall; made by "pginstall completion zsh"
_pginstall() {
  local path_=pginstall skip= i
  local -a found
  for ((i = 2; i < CURRENT; i++)); do
    if [[ -n $skip ]]; then
      skip=
      continue
    fi
    case "$path_ \${words[i]}" in
${walkBranches(root)
  .map((line) => line.replace(') path=', ') path_='))
  .join('\n')}
    esac
  done
  if [[ -n $skip ]]; then
    _files
    return
  fi
  case $path_ in
${flatten(root)
  .map((node) => {
    const words = wordsOf(node).map(
      ({ word, description }) => `      ${quote(`${word.replaceAll(':', '\\:')}:${description}`)}`,
    )
    return [`    '${node.path.join(' ')}') found=(`, ...words, '    ) ;;'].join('\n')
  })
  .join('\n')}
  esac
  _describe command found || _files
}
if [[ $funcstack[1] == _pginstall ]]; then
  _pginstall "$@"
else
  compdef _pginstall pginstall
fi
`
}

function fishScript(root: CommandNode): string {
  const families = root.commands.filter(({ commands }) => commands.length > 0)
  const lines = flatten(root).flatMap((node) => {
    const condition = fishCondition(node, families)
    const complete = (...more: string[]) => ['complete -c pginstall', `-n ${quote(condition)}`, ...more].join(' ')
    return [
      ...node.commands.map(({ path, description }) =>
        complete('-f', `-a ${path.at(-1)}`, `-d ${quoteForFish(description)}`),
      ),
      ...node.arguments.flatMap(({ choices, description }) =>
        choices.map((choice) => complete('-f', `-a ${choice}`, `-d ${quoteForFish(description)}`)),
      ),
      ...node.options.map(({ short, long, takesValue, description }) =>
        complete(
          ...(short === undefined ? [] : [`-s ${short.slice(1)}`]),
          ...(long === undefined ? [] : [`-l ${long.slice(2)}`]),
          ...(takesValue ? ['-r'] : []),
          `-d ${quoteForFish(description)}`,
        ),
      ),
    ]
  })
  return ['# fish completion for pginstall; made by "pginstall completion fish"', ...lines, ''].join('\n')
}

/**
 * Every command of the path was typed, and none that lies below it. `families` have commands below them, which may be
 * called like one of the top: `status` is none of `server status`.
 */
function fishCondition({ path, commands }: CommandNode, families: CommandNode[]): string {
  const names = (nodes: CommandNode[]) => nodes.map((node) => node.path.at(-1)).join(' ')
  const others = path.length === 2 ? families.filter((family) => family.path[1] !== path[1]) : []
  return [
    ...path.slice(1).map((name) => `__fish_seen_subcommand_from ${name}`),
    ...[names(commands), names(others)]
      .filter((found) => found !== '')
      .map((found) => `not __fish_seen_subcommand_from ${found}`),
  ].join('; and ')
}

/** For bash and zsh. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

function quoteForFish(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
