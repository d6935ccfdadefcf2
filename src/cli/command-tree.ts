// The commands as plain data, read from what parses command lines: completion and man page are made of it, so that
// neither can know a command or an option that there is not.
import type { Command } from 'commander'

export type CommandNode = {
  /** `pginstall`, `server`, `start`. */
  path: string[]
  description: string
  /** As help shows it: `[options] <file...>`. */
  usage: string
  arguments: { name: string; description: string; choices: string[] }[]
  options: OptionNode[]
  commands: CommandNode[]
  /** What help says at its end. */
  notes: string
}

export type OptionNode = {
  /** `-h, --host <host>` */
  flags: string
  short: string | undefined
  long: string | undefined
  takesValue: boolean
  description: string
}

export function readCommandTree(command: Command, above: string[] = []): CommandNode {
  const path = [...above, command.name()]
  const help = command.createHelp()
  return {
    path,
    description: command.description(),
    usage: command.usage(),
    arguments: command.registeredArguments.map((argument) => ({
      name: argument.name(),
      description: argument.description,
      choices: argument.argChoices ?? [],
    })),
    options: help.visibleOptions(command).map((option) => ({
      flags: option.flags,
      short: option.short,
      long: option.long,
      takesValue: option.required || option.optional,
      description: help.optionDescription(option),
    })),
    commands: command.commands.map((child) => readCommandTree(child, path)),
    notes: readNotes(command),
  }
}

/** All commands, the program itself first. */
export function flatten(node: CommandNode): CommandNode[] {
  return [node, ...node.commands.flatMap(flatten)]
}

/** Help is shown to us instead of to the terminal; what it says after the usual is what was added to it. */
function readNotes(command: Command): string {
  const before = command.configureOutput()
  let shown = ''
  const writeOut = (text: string) => {
    shown += text
  }
  command.configureOutput({ ...before, writeOut })
  command.outputHelp()
  command.configureOutput(before)
  const usual = command.helpInformation()
  return shown.slice(shown.indexOf(usual) + usual.length).trim()
}
