// Plain names: preloading, background workers and output plugins name a module as its author did, so beside its unique
// link it gets one of its plain name. It is given once, and never where the server or another provider has the name.
import { existsSync, readFileSync } from 'node:fs'
import { wantsPlainName } from '../model/module-traits.ts'
import { uniqueModuleName } from '../model/names.ts'
import { type LinkOptions, linkDirectory, linkFile, readLink, replaceLink } from './links.ts'

/** Whether the server has the module from this provider in every process, since its start. */
export function isPreloaded(
  module: string,
  fullName: string,
  { directory, preloaded }: Pick<LinkOptions, 'directory' | 'preloaded'>,
): boolean {
  const names = preloaded.map((library) => library.replace(/\.so$/, ''))
  const isOurs = readLink(linkFile(linkDirectory(directory), module))?.fullName === fullName
  return names.includes(uniqueModuleName(module, fullName)) || (isOurs && names.includes(module))
}

/** Who has the plain name already: a file of the server's, or another provider's full name. */
export function holderOfPlainName(
  module: string,
  fullName: string,
  { directory, pkglibdir }: Pick<LinkOptions, 'directory' | 'pkglibdir'>,
): string | undefined {
  const file = linkFile(pkglibdir, module)
  if (existsSync(file)) return file
  const holder = readLink(linkFile(linkDirectory(directory), module))?.fullName
  return holder === fullName ? undefined : holder
}

/** Gives a module that is linked its plain name, if it wants one and nobody has it. */
export async function offerPlainName(module: string, fullName: string, options: LinkOptions): Promise<void> {
  const linked = readLink(linkFile(linkDirectory(options.directory), uniqueModuleName(module, fullName)))
  if (linked === undefined || holderOfPlainName(module, fullName, options) !== undefined) return
  if (wantsPlainName(readFileSync(linked.path, 'latin1'))) await setPlainName(linked, options)
  else await followPlainName(module, fullName, options)
}

/** A plain link leads where the unique one does: PostgreSQL takes two paths to one file for one module. */
export async function followPlainName(module: string, fullName: string, options: LinkOptions): Promise<void> {
  const plain = readLink(linkFile(linkDirectory(options.directory), module))
  const linked = readLink(linkFile(linkDirectory(options.directory), uniqueModuleName(module, fullName)))
  if (plain?.fullName !== fullName || linked === undefined || plain.path === linked.path) return
  if (!isPreloaded(module, fullName, options)) await setPlainName(linked, options)
}

export async function setPlainName(
  { module, path }: { module: string; path: string },
  { directory, work }: Pick<LinkOptions, 'directory' | 'work'>,
): Promise<void> {
  await replaceLink(linkFile(linkDirectory(directory), module), path, work)
}
