// What a run that was killed has left: files that were to be renamed into their place.
import { existsSync, readdirSync } from 'node:fs'
import { unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Step } from './plan.ts'

/** As replaceFile names what it writes. */
const fresh = /^(.+)\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.new$/

/** Steps that remove those of our files in these folders. */
export function planLeftovers(folders: string[], isOurs: (file: string) => boolean): Step[] {
  return folders.filter(existsSync).flatMap((folder) =>
    readdirSync(folder)
      .filter((file) => isOurs(fresh.exec(file)?.[1] ?? ''))
      .map((file) => ({ what: `remove ${join(folder, file)}`, run: () => unlink(join(folder, file)) })),
  )
}
