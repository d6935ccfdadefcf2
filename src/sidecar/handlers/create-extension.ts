// CREATE EXTENSION of something that PostgreSQL itself does not have.
import { install } from '../../install/install.ts'
import { checkPattern, checkVersion, parseExtensionName } from '../../model/names.ts'
import type { CreateExtensionRequest } from '../messages.ts'
import type { Reply, Service } from '../service.ts'

export async function createExtension(
  request: CreateExtensionRequest,
  service: Service,
  { notify, signal }: Reply,
): Promise<object> {
  const { repositories, policy, machine, place } = service
  const installation = await install(
    {
      name: parseExtensionName(request.extension),
      version: request.version === undefined ? undefined : checkVersion(request.version),
      cascade: request.cascade,
      installed: request.installed.map(({ name }) => name),
    },
    {
      repositories,
      policy,
      asker: { superuser: request.superuser, roles: request.roles },
      prefer: request.prefer.map(checkPattern),
      server: request.server,
      machine: await machine.read(signal),
      now: new Date(),
      notify,
      signal,
    },
    place,
  )
  return {
    exec_path: installation.execPath,
    control_path: installation.controlPath,
    module_path: installation.modulePath,
    extensions: installation.extensions.map(({ archive, modules }) => ({
      name: archive.name,
      full_name: archive.fullName,
      version: archive.version,
      digest: archive.archive.sha256,
      repository: archive.repository.name,
      modules,
    })),
  }
}
