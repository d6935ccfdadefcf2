// A web server that is no bottleneck: nginx on loopback, from the files that scripts/bench has fetched.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { packagePath } from '../src/adapters/package-root.ts'
import { serviceUser, spawnAs } from '../test/helpers/os-users.ts'
import type { TemporaryDirectory } from '../test/helpers/temporary-directory.ts'

export type WebServer = { uri: string; stop(): Promise<void> }

const startLimitMs = 10_000

/** Serves the files of `root` under their names. */
export async function startWebServer(directory: TemporaryDirectory, root: string): Promise<WebServer> {
  const program = packagePath('build/nginx/usr/sbin/nginx')
  if (!existsSync(program)) throw new Error('nginx is not there; type: npm run bench')
  const home = directory.make('nginx', serviceUser)
  const port = await findFreePort()
  writeFileSync(join(home, 'nginx.conf'), configuration(home, root, port))
  const child = spawn(program, ['-p', home, '-e', join(home, 'error.log'), '-c', join(home, 'nginx.conf')], {
    ...spawnAs(serviceUser),
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const ended = once(child, 'exit')
  const deadline = Date.now() + startLimitMs
  while (!(await answers(port))) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error('nginx did not start')
    await delay(20)
  }
  return {
    uri: `http://127.0.0.1:${port}/`,
    async stop() {
      child.kill('SIGTERM')
      await ended
    },
  }
}

function configuration(home: string, root: string, port: number): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${home}/${kind};`,
  )
  return `daemon off;
master_process off;
pid ${home}/pid;
events { worker_connections 1024; }
http {
  ${temporary.join('\n  ')}
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000;
  server { listen 127.0.0.1:${port}; root ${root}; }
}
`
}

async function findFreePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  if (address === null || typeof address === 'string') throw new Error('could not find a free port')
  return address.port
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
