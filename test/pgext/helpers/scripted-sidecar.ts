// A sidecar that says what a test wants it to say, on a real socket: silence, rubbish, lies. What the real one says is
// tested in test/e2e.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { dirname, join, relative } from 'node:path'
import type { PgConfig } from '../../../src/adapters/pg-config.ts'
import { type Cluster, startCluster } from '../../helpers/cluster.ts'
import { makePrivateInstallation } from '../../helpers/private-installation.ts'
import { makeTemporaryDirectory, type TemporaryDirectory } from '../../helpers/temporary-directory.ts'

export type Request = {
  request: string
  extension?: string
  version?: string
  cascade?: boolean
  superuser?: boolean
  roles?: string[]
  installed?: { name: string; full_name?: string }[]
  prefer?: string[]
}

type Behaviour = (socket: Socket, request: Request) => void

export type ScriptedSidecar = {
  socketPath: string
  /** All requests since the behaviour was set. */
  requests: Request[]
  /** What is done about each request from now on. */
  behave(behaviour: Behaviour): void
  /** Connections that are open now. */
  connections: Set<Socket>
  close(): Promise<void>
}

export type Scene = {
  directory: TemporaryDirectory
  installation: PgConfig
  cluster: Cluster
  sidecar: ScriptedSidecar
  /** pginstall.directory, the directory that the sidecar's answers may point to. */
  store: string
  /** Places an extension root for the extension `name` with that script; the result that leads there. */
  place(name: string, script: string, changes?: Partial<PlacedExtension>): Result
  close(): Promise<void>
}

type PlacedExtension = {
  full_name: string
  version: string
  modules: Record<string, string>
  repository: string
}

export type Result = {
  exec_path: string
  control_path: string
  module_path: string
  extensions: (PlacedExtension & { name: string; digest: string })[]
}

/** Sends messages, one a line, and hangs up. */
export function answers(...messages: object[]): Behaviour {
  return (socket) => socket.end(messages.map((message) => JSON.stringify(message) + '\n').join(''))
}

export async function setScene(settings: Record<string, string> = {}): Promise<Scene> {
  const directory = makeTemporaryDirectory('pgext')
  const prefix = directory.make('postgresql')
  const installation = await makePrivateInstallation(prefix)
  const sidecar = await startScriptedSidecar(join(directory.make('run'), 'sidecar'))
  const store = directory.make('store')
  const modules = directory.make('store/lib')
  const cluster = await startCluster(directory, installation, {
    session_preload_libraries: 'pginstall',
    dynamic_library_path: `$libdir:${modules}`,
    'pginstall.socket': sidecar.socketPath,
    'pginstall.directory': store,
    'pginstall.sidecar_user': '0',
    ...settings,
  })
  let roots = 0
  return {
    directory,
    installation,
    cluster,
    sidecar,
    store,
    place(name, script, changes = {}) {
      const root = directory.make(`store/root-${++roots}`)
      const share = join(root, relative(prefix, installation.sharedir))
      const version = changes.version ?? '1.0'
      mkdirSync(join(share, 'extension'), { recursive: true })
      writeFileSync(join(share, 'extension', `${name}.control`), `default_version = '${version}'\n`)
      writeFileSync(join(share, 'extension', `${name}--${version}.sql`), script)
      return {
        exec_path: join(root, relative(prefix, installation.bindir), 'postgres'),
        control_path: share,
        module_path: modules,
        extensions: [
          {
            name,
            full_name: `x.example/${name}`,
            version,
            digest: 'd'.repeat(64),
            repository: 'scripted',
            modules: {},
            ...changes,
          },
        ],
      }
    },
    async close() {
      await cluster.stop()
      await sidecar.close()
      directory.remove()
    },
  }
}

async function startScriptedSidecar(socketPath: string): Promise<ScriptedSidecar> {
  let behaviour: Behaviour = () => undefined
  const connections = new Set<Socket>()
  const requests: Request[] = []
  const server = createServer((socket) => {
    let text = ''
    connections.add(socket)
    socket.on('close', () => connections.delete(socket))
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => {
      text += chunk
      if (!text.endsWith('\n')) return
      const request = JSON.parse(text) as Request
      requests.push(request)
      behaviour(socket, request)
    })
  })
  mkdirSync(dirname(socketPath), { recursive: true })
  await new Promise<void>((resolve) => server.listen(socketPath, resolve))
  chmodSync(socketPath, 0o777)
  return {
    socketPath,
    requests,
    connections,
    behave(next) {
      behaviour = next
      requests.length = 0
    },
    close: () =>
      new Promise((resolve) => {
        for (const socket of connections) socket.destroy()
        server.close(() => resolve())
      }),
  }
}
