// Archives made by hand, sound ones and such as no packer of ours would write.
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { type FileKind, type Manifest, writeManifest } from '../../../src/model/manifest.ts'
import type { TemporaryDirectory } from '../../helpers/temporary-directory.ts'

export type Entry = {
  path: string
  content: Buffer | string
  type?: string
  link?: string
  size?: number
  prefix?: string
}

const block = 512

/** A ustar header written field by field, so that it can say anything. */
export function tarEntry({ path, content, type = '0', link = '', size, prefix = '' }: Entry): Buffer {
  const bytes = Buffer.from(content)
  const header = Buffer.alloc(block)
  const octal = (value: number, length: number) => value.toString(8).padStart(length - 1, '0') + '\0'
  header.write(path, 0, 100)
  header.write(octal(0o644, 8), 100)
  header.write(octal(0, 8), 108)
  header.write(octal(0, 8), 116)
  header.write(octal(size ?? bytes.length, 12), 124)
  header.write(octal(0, 12), 136)
  header.write(' '.repeat(8), 148)
  header.write(type, 156)
  header.write(link, 157, 100)
  header.write('ustar\0' + '00', 257)
  header.write(prefix, 345, 155)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(sum.toString(8).padStart(6, '0') + '\0 ', 148)
  return Buffer.concat([header, bytes, Buffer.alloc((block - (bytes.length % block)) % block)])
}

export const endOfArchive = Buffer.alloc(2 * block)

export function tarOf(entries: Entry[]): Buffer {
  return Buffer.concat([...entries.map(tarEntry), endOfArchive])
}

export const controlText = "default_version = '1.0'\ncomment = 'a test'\n"
export const scriptText = 'SELECT 1;\n'

/** An SQL-only manifest for the given files. */
export function manifestOf(
  files: { path: string; kind: FileKind; content: string | Buffer }[],
  more: Partial<Manifest> = {},
): Manifest {
  return {
    manifest: 1,
    full_name: 'x.example/y/thing',
    name: 'thing',
    version: '1.0',
    description: 'a test',
    source_revision: 'sha256:' + '0'.repeat(64),
    postgresql: null,
    os: null,
    needs: null,
    requires: [],
    updates: [],
    modules: [],
    preload: false,
    ...more,
    files: files.map(({ path, kind, content }) => ({
      path,
      kind,
      size: Buffer.byteLength(content),
      sha256: createHash('sha256').update(content).digest('hex'),
    })),
  }
}

export const soundFiles: { path: string; kind: FileKind; content: string }[] = [
  { path: 'thing.control', kind: 'control', content: controlText },
  { path: 'thing/thing--1.0.sql', kind: 'script', content: scriptText },
]

export const soundEntries: Entry[] = [
  { path: 'manifest.json', content: writeManifest(manifestOf(soundFiles)) },
  ...soundFiles.map(({ path, content }) => ({ path, content })),
]

export function writeArchive(directory: TemporaryDirectory, bytes: Buffer): string {
  const path = join(directory.path, 'archive.tar.gz')
  writeFileSync(path, bytes)
  return path
}

export function writeEntries(directory: TemporaryDirectory, entries: Entry[]): string {
  return writeArchive(directory, gzipSync(tarOf(entries)))
}

/** The files with one module: the start of the running Node program stands for a shared object of this machine. */
export function moduleArchive(
  architecture: string,
  module = readFileSync(process.execPath).subarray(0, 4096),
): Entry[] {
  const content = Buffer.from(module)
  content.writeUInt16LE(3, 16)
  const files = [...soundFiles, { path: 'thing/thing.so', kind: 'module' as const, content }]
  const manifest = manifestOf(files, {
    modules: ['thing'],
    os: 'debian12',
    postgresql: {
      version_num: 150020,
      abi_extra: 'PostgreSQL',
      block_size: 8192,
      wal_block_size: 8192,
      assertions: false,
    },
    needs: { architecture, cpu_level: 0, libc: 'glibc', libraries: [] },
  })
  return [{ path: 'manifest.json', content: writeManifest(manifest) }, ...files]
}
