// A repository of static files, as any web server can carry one, that a test may make lie.
import { createHash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { basename } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { parseIdentity } from '../../src/model/archive-identity.ts'
import {
  archivePath,
  type IndexedArchive,
  type NameIndex,
  nameIndexPath,
  type TopIndex,
  topIndexPath,
} from '../../src/model/index.ts'
import type { Manifest } from '../../src/model/manifest.ts'
import { generateSigningKey, sealIndex } from '../../src/model/signature.ts'

export type StaticRepository = {
  uri: string
  publicKey: string
  /** Paths asked for so far. */
  requests: string[]
  /** What is served, by path; a test may change it. */
  files: Map<string, string | Buffer>
  /** Sent with every answer. */
  headers: Record<string, string>
  /** Signs a new index over what was added. */
  publish(options?: PublishOptions): void
  /** Adds an archive; `amend` may make the index say of it what is not so. */
  add(file: string, amend?: (archive: IndexedArchive) => IndexedArchive): Promise<Manifest>
  close(): void
}

/** What the signed index is made to say. */
export type PublishOptions = {
  version?: number
  published?: Date
  expires?: Date | string
  privatePem?: string
  amend?: (top: TopIndex) => TopIndex
}

const lifetimeMs = 3_600_000

export async function serveStaticRepository(): Promise<StaticRepository> {
  const key = generateSigningKey()
  const files = new Map<string, string | Buffer>()
  const requests: string[] = []
  const headers: Record<string, string> = {}
  const names = new Map<string, NameIndex>()
  let version = 0
  const server = createServer((request, response) => {
    const path = (request.url ?? '/').slice(1)
    requests.push(path)
    const content = files.get(path)
    response.writeHead(content === undefined ? 404 : 200, headers).end(content)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    uri: `http://127.0.0.1:${port}/`,
    publicKey: key.publicKey,
    requests,
    files,
    headers,
    publish(options = {}) {
      version = options.version ?? version + 1
      const top: TopIndex = {
        index: 1,
        version,
        published: dated(options.published ?? new Date()),
        expires: dated(options.expires ?? new Date(Date.now() + lifetimeMs)),
        names: {},
      }
      for (const [name, index] of names) {
        const text = JSON.stringify(index)
        const digest = createHash('sha256').update(text).digest('hex')
        top.names[name] = digest
        files.set(nameIndexPath(digest), text)
      }
      files.set(
        topIndexPath,
        sealIndex(JSON.stringify(options.amend?.(top) ?? top), options.privatePem ?? key.privatePem),
      )
    },
    async add(file, amend = (archive) => archive) {
      const manifest = readManifest(file)
      const content = readFileSync(file)
      const archive = amend({
        file: basename(file),
        build: parseIdentity(basename(file)).build,
        size: statSync(file).size,
        sha256: createHash('sha256').update(content).digest('hex'),
        postgresql: manifest.postgresql,
        os: manifest.os,
        needs: manifest.needs,
        requires: manifest.requires,
      })
      files.set(archivePath(archive.sha256, archive.file), content)
      addTo(names, manifest, archive)
      return manifest
    },
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

/** Of an archive that may be unsound in all else: it is the reader under test that has to notice. */
function readManifest(file: string): Manifest {
  const tar = gunzipSync(readFileSync(file))
  const size = Number.parseInt(tar.toString('latin1', 124, 135), 8)
  return JSON.parse(tar.toString('utf8', 512, 512 + size)) as Manifest
}

function dated(date: Date | string): string {
  return typeof date === 'string' ? date : date.toISOString()
}

function addTo(
  names: Map<string, NameIndex>,
  { name, full_name, description, version }: Manifest,
  archive: IndexedArchive,
): void {
  const index = names.get(name) ?? { index: 1, name, extensions: [] }
  names.set(name, index)
  let extension = index.extensions.find((other) => other.full_name === full_name)
  if (extension === undefined) {
    extension = { full_name, description, releases: [] }
    index.extensions.push(extension)
  }
  const release = extension.releases.find((other) => other.version === version)
  if (release === undefined) extension.releases.push({ version, yanked: false, archives: [archive] })
  else release.archives.push(archive)
}
