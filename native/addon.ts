// Loads the compiled addon, and says what binding.cc exports.
import { createRequire, findPackageJSON } from 'node:module'
import { constants } from 'node:os'
import { dirname } from 'node:path'

export interface AddonOptions {
  url: string
  method: string
  /** Name, value, name, value, … */
  headers: string[]
  body: Uint8Array | undefined
  bodyFile: string | undefined
  unixSocket: string | undefined
  proxy: string | undefined
  caFile: string | undefined
  resumeFrom: number
  maxBytes: number
  maxBytesPerSecond: number | undefined
  connectTimeoutMs: number
  stallTimeoutMs: number
  totalTimeoutMs: number | undefined
  maxRedirects: number
  sinkFile: string | undefined
  wantsChunks: boolean
  wantsProgress: boolean
}

export interface AddonFailure {
  code: string
  message: string
  curlCode: number | null
  osErrno: number | null
}

export interface AddonResponse {
  status: number
  /** Name, value, name, value, … */
  headers: string[]
  body?: Buffer
  receivedBytes: number
  httpVersion: '1.0' | '1.1' | '2' | '3'
  effectiveUrl: string
  newConnections: number
}

/** One of the four; a response or a failure is the last that is heard of an id. */
export interface AddonEvent {
  id: number
  progress?: { received: number; total: number | null }
  chunk?: Buffer
  response?: AddonResponse
  failure?: AddonFailure
}

export interface PeerCredentials {
  pid: number
  uid: number
  gid: number
}

export interface Addon {
  open(listener: (events: AddonEvent[]) => void): void
  begin(options: AddonOptions): number | AddonFailure
  abort(id: number): void
  acknowledge(id: number): void
  peerCredentials(fd: number): PeerCredentials | number
  notify(address: string, message: string): number
  curlVersion(): string
}

/** Throws what node-gyp-build throws where there is no build for this machine. */
export function loadAddon(): Addon {
  const manifest = findPackageJSON('.', import.meta.url)
  if (manifest === undefined) throw new Error('could not find the package that the libcurl addon belongs to')
  const nodeGypBuild: { path(directory: string): string } = createRequire(import.meta.url)('node-gyp-build')
  const loaded = { exports: {} as Addon }
  // node exports the symbols of its own OpenSSL and zlib; without RTLD_DEEPBIND the system's libcurl would call those.
  const flags = constants.dlopen.RTLD_LAZY | (constants.dlopen.RTLD_DEEPBIND ?? 0)
  process.dlopen(loaded, nodeGypBuild.path(dirname(manifest)), flags)
  return loaded.exports
}
