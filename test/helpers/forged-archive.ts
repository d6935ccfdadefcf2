// Archives that no build would make: SQL only, sound in form, with whatever content a test wants.
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { packArchive } from '../../src/build/pack.ts'
import { formatIdentity, identityOf } from '../../src/model/archive-identity.ts'
import type { FileKind, Manifest, Requirement } from '../../src/model/manifest.ts'

export type Forgery = {
  fullName: string
  version?: string
  /** The main control file, whole. */
  control: string
  script: string
  requires?: Requirement[]
  /** More files, by path in the archive. */
  files?: Record<string, { kind: FileKind; content: string }>
}

/** Writes the archive below `directory`; its file. */
export async function forgeArchive(directory: string, forgery: Forgery): Promise<string> {
  const { fullName, version = '1.0', requires = [] } = forgery
  const name = fullName.split('/').at(-1) as string
  const contents: Required<Forgery>['files'] = {
    [`${name}.control`]: { kind: 'control', content: forgery.control },
    [`${name}/${name}--${version}.sql`]: { kind: 'script', content: forgery.script },
    ...forgery.files,
  }
  const files = Object.entries(contents).map(([path, { kind, content }]) => {
    const source = join(directory, 'forged', fullName, path)
    mkdirSync(dirname(source), { recursive: true })
    writeFileSync(source, content)
    const sha256 = createHash('sha256').update(content).digest('hex')
    return { path, kind, size: Buffer.byteLength(content), sha256, source }
  })
  const manifest: Manifest = {
    manifest: 1,
    full_name: fullName,
    name,
    version,
    description: 'forged',
    source_revision: 'sha256:0',
    postgresql: null,
    os: null,
    needs: null,
    requires,
    updates: [],
    modules: [],
    preload: false,
    files: files.map(({ source: _, ...file }) => file),
  }
  const output = join(directory, formatIdentity(identityOf(manifest, 1)))
  await packArchive(manifest, files, output, AbortSignal.timeout(30_000))
  return output
}
