// pginstall upload: publishes archives at a repository server.
import { basename, join } from 'node:path'
import type { Command } from 'commander'
import { createHttpClient, isLoopback } from '../../adapters/http-client.ts'
import { readSecret } from '../../adapters/secret-file.ts'
import type { Settings } from '../../adapters/settings.ts'
import { parseIdentity } from '../../model/archive-identity.ts'
import { PginstallError } from '../../model/errors.ts'
import { readServerState } from '../../server/state-file.ts'
import type { CliContext } from '../context.ts'

export function addUploadCommand(program: Command, context: CliContext): void {
  program
    .command('upload')
    .description('publish archives at a repository server')
    .argument('<file...>', 'archives, named as they were built')
    .option('--server <uri>', 'the server; without, that of server_uri, or the one that runs here')
    .addHelpText(
      'after',
      '\nThe token is read from the file that setting admin_token_file names, by default admin-token in server_directory.',
    )
    .action((files: string[], { server }: { server?: string }) => upload(context, files, server))
}

async function upload(context: CliContext, files: string[], server: string | undefined): Promise<void> {
  const settings = context.settings()
  // Before anything is sent: one misnamed file ends the command.
  for (const file of files) parseIdentity(basename(file))
  const base = checkServer(server ?? (await defaultServer(settings)))
  const token = await readToken(settings)
  const http = createHttpClient({ connectTimeoutMs: settings.connect_timeout, stallTimeoutMs: settings.stall_timeout })
  for (const file of files) {
    const name = basename(file)
    context.progress(`uploading ${name}`)
    const url = new URL(`archives/${encodeURIComponent(name)}`, base).href
    const { status } = await http.upload(url, { file, token, signal: context.signal }).catch(explain)
    context.out(`${name}: ${status === 201 ? 'published' : 'was published already'}`)
  }
}

/** Nothing was answered: whether there is a server is for its machine to say. */
function explain(thrown: unknown): never {
  const unanswered = thrown instanceof PginstallError && thrown.is('io_error') && thrown.cause !== undefined
  if (!unanswered || thrown.hint !== undefined) throw thrown
  throw new PginstallError('io_error', thrown.message, {
    ...(thrown.detail === undefined ? {} : { detail: thrown.detail }),
    hint: 'See whether it runs, by "pginstall server status" on its machine, or name another with --server URI.',
    cause: thrown,
  })
}

async function readToken(settings: Settings): Promise<string> {
  const path = settings.admin_token_file || join(settings.server_directory, 'admin-token')
  try {
    return await readSecret(path)
  } catch (cause) {
    if (!(cause instanceof PginstallError) || !cause.is('undefined_file')) throw cause
    throw new PginstallError('undefined_file', `there is no token to upload with: ${cause.message}`, {
      hint: 'Copy the admin-token of the server here, readable by you alone, and name it: pginstall config admin_token_file PATH',
      cause,
    })
  }
}

async function defaultServer(settings: Settings): Promise<string> {
  if (settings.server_uri !== '') return settings.server_uri
  const state = await readServerState(settings.server_directory)
  if (state?.answers !== undefined) return state.answers.localUri
  throw new PginstallError('invalid_parameter_value', 'no repository server to upload to', {
    detail: 'Setting "server_uri" is empty, and none runs here.',
    hint: 'Name it with --server URI.',
  })
}

function checkServer(uri: string): string {
  const url = URL.canParse(uri) ? new URL(uri) : undefined
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    throw new PginstallError('invalid_parameter_value', `invalid server URI: "${uri}"`, {
      hint: 'Write it as https://host/path/.',
    })
  }
  if (url.protocol === 'http:' && !isLoopback(url.href)) {
    throw new PginstallError('invalid_parameter_value', `server URI would send the token in clear text: "${uri}"`, {
      hint: 'Use https.',
    })
  }
  if (!url.pathname.endsWith('/')) url.pathname += '/'
  return url.href
}
