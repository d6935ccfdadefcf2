// Archives to upload: small, sound, and different where a test wants them to be.
import { readFileSync } from 'node:fs'
import { machine } from 'node:os'
import { gzipSync } from 'node:zlib'
import { formatIdentity, identityOf } from '../../../src/model/archive-identity.ts'
import { type FileKind, type Manifest, writeManifest } from '../../../src/model/manifest.ts'
import { manifestOf, tarOf } from '../../adapters/helpers/archives.ts'

export type TestArchive = { file: string; bytes: Buffer; manifest: Manifest }

export type Wanted = {
  fullName: string
  version?: string
  build?: number
  description?: string
  updates?: [string, string][]
  /** With a module, built against this PostgreSQL major. */
  major?: number
  os?: string
  /** Stands in the script, so that two archives of one identity differ. */
  salt?: string
}

export const architecture = machine()

export function makeArchive({ fullName, version = '1.0', build = 1, salt = '', ...more }: Wanted): TestArchive {
  const name = fullName.split('/').at(-1) as string
  const files: { path: string; kind: FileKind; content: string | Buffer }[] = [
    { path: `${name}.control`, kind: 'control', content: `default_version = '${version}'\n` },
    { path: `${name}/${name}--${version}.sql`, kind: 'script', content: `SELECT 1; -- ${salt}\n` },
  ]
  if (more.major !== undefined) files.push({ path: `${name}/${name}.so`, kind: 'module', content: sharedObject() })
  const manifest = manifestOf(files, {
    full_name: fullName,
    name,
    version,
    description: more.description ?? `what ${name} does`,
    updates: more.updates ?? [],
    ...(more.major === undefined ? {} : builtFor(name, more.major, more.os ?? 'debian12')),
  })
  const entries = [{ path: 'manifest.json', content: writeManifest(manifest) }, ...files]
  return { file: formatIdentity(identityOf(manifest, build)), bytes: gzipSync(tarOf(entries)), manifest }
}

function builtFor(name: string, major: number, os: string): Partial<Manifest> {
  return {
    modules: [name],
    os,
    postgresql: {
      version_num: major * 10000,
      abi_extra: 'PostgreSQL',
      block_size: 8192,
      wal_block_size: 8192,
      assertions: false,
    },
    needs: { architecture, cpu_level: 0, libc: 'glibc', libraries: [] },
  }
}

/** The start of the running Node program, called a shared object, stands for a module of this machine. */
function sharedObject(): Buffer {
  const content = Buffer.from(readFileSync(process.execPath).subarray(0, 4096))
  content.writeUInt16LE(3, 16)
  return content
}
