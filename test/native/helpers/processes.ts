// Runs one of the scripts beside this file in a process of its own: for what would take the tests' own process along.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** Returns what it wrote to standard output. Throws unless it ends well, in time and silently otherwise. */
export async function runInProcess(script: string, args: string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const file = fileURLToPath(new URL(`scripts/${script}`, import.meta.url))
  const options = { env: { PATH: process.env.PATH, ...env }, timeout: 20_000 }
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [file, ...args], options)
  if (stderr !== '') throw new Error(stderr)
  return stdout
}
