// A module that the server is about to load and does not find: a standby's first use, or what pg_upgrade will want.
import { loadModule as placeModule } from '../../install/load-module.ts'
import { checkVersion } from '../../model/names.ts'
import type { LoadModuleRequest } from '../messages.ts'
import type { Reply, Service } from '../service.ts'

/**
 * Who runs the statement does not matter: that a database has the function at all is a superuser's doing. What policy
 * allows to nobody is refused here too.
 */
const asker = { superuser: true, roles: [] }

export async function loadModule(
  { library, version, preloaded, server }: LoadModuleRequest,
  { repositories, policy, machine, place }: Service,
  { signal }: Reply,
): Promise<object> {
  const found = await placeModule(
    { library, version: version === undefined ? undefined : checkVersion(version), preloaded },
    {
      ...{ repositories, policy, asker, server, signal },
      // The statement is anybody's, and no place to hear of repositories.
      notify: () => undefined,
      warn: () => undefined,
      prefer: [],
      machine: await machine.read(signal),
      now: new Date(),
      newest: false,
    },
    place,
  )
  return { module_path: found.modulePath, version: found.version }
}
