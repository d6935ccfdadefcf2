// pginstall completion: a script that teaches a shell the commands and options.
import { Argument, type Command } from 'commander'
import { readCommandTree } from '../command-tree.ts'
import { completionScript, type Shell, shells } from '../completion.ts'
import type { CliContext } from '../context.ts'

export function addCompletionCommand(program: Command, context: CliContext): void {
  program
    .command('completion')
    .description('print a completion script for a shell')
    .addArgument(new Argument('<shell>', 'the shell').choices(shells))
    .addHelpText('after', '\nFor example in ~/.bashrc: source <(pginstall completion bash)')
    .action((shell: Shell) => context.out(completionScript(shell, readCommandTree(program)).trimEnd()))
}
