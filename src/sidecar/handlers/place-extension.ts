// CREATE EXTENSION of something that PostgreSQL itself does not have, and ALTER EXTENSION UPDATE of what came that way.
import { type InstallRequest, install } from '../../install/install.ts'
import { checkPattern, checkVersion, parseExtensionName } from '../../model/names.ts'
import type { CreateExtensionRequest, UpdateExtensionRequest } from '../messages.ts'
import type { Reply, Service } from '../service.ts'

export function createExtension(request: CreateExtensionRequest, service: Service, reply: Reply): Promise<object> {
  const { cascade, prefer } = request
  return placeExtension(request, { cascade, update: undefined }, prefer, service, reply)
}

/** The provider is given, and what it requires must be there: PostgreSQL has no CASCADE for it. */
export function updateExtension(request: UpdateExtensionRequest, service: Service, reply: Reply): Promise<object> {
  const { from, downgrade } = request
  return placeExtension(request, { cascade: false, update: { from, downgrade } }, [], service, reply)
}

async function placeExtension(
  request: CreateExtensionRequest | UpdateExtensionRequest,
  kind: Pick<InstallRequest, 'cascade' | 'update'>,
  prefer: string[],
  { repositories, policy, machine, place }: Service,
  { notify, warn, signal }: Reply,
): Promise<object> {
  const { extension, version, superuser, roles, server, installed, preloaded } = request
  const installation = await install(
    {
      name: parseExtensionName(extension),
      version: version === undefined ? undefined : checkVersion(version),
      installed,
      preloaded,
      ...kind,
    },
    {
      repositories,
      policy,
      asker: { superuser, roles },
      prefer: prefer.map(checkPattern),
      server,
      machine: await machine.read(signal),
      now: new Date(),
      newest: kind.update !== undefined,
      notify,
      warn,
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
      sql_version: archive.sqlVersion,
      digest: archive.archive.sha256,
      repository: archive.repository.name,
      modules,
    })),
  }
}
