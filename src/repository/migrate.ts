// Brings the repository's tables to this version of the program: numbered migrations, each applied once, never changed.
import { createHash } from 'node:crypto'
import type { Database, Queryable } from '../adapters/database.ts'
import { readPackageFolder } from '../adapters/package-root.ts'
import { PginstallError } from '../model/errors.ts'
import { queries } from './queries.ts'

export type Migration = { number: number; name: string; sha256: string; text: string }

type AppliedMigration = { number: number; name: string; sha256: string }

export const migrations: Migration[] = [...readPackageFolder('src/repository/migrations', '.sql')].map(
  ([name, text]) => ({
    number: Number.parseInt(name, 10),
    name,
    sha256: createHash('sha256').update(text).digest('hex'),
    text,
  }),
)

/**
 * Applies what is missing, in one transaction. Processes that start together wait for each other.
 * @throws PginstallError config_file_error when the database is not one that these migrations have made
 */
export async function migrate(database: Database, wanted: Migration[] = migrations): Promise<void> {
  await database.transaction(async (transaction) => {
    await transaction.query(queries['lock-changes'])
    await transaction.query(queries['create-schema'])
    await transaction.query(queries['create-migrations'])
    const applied = await transaction.query<AppliedMigration>(queries['list-migrations'])
    checkApplied(applied, wanted)
    for (const migration of wanted.slice(applied.length)) await apply(transaction, migration)
  })
}

async function apply(transaction: Queryable, { number, name, sha256, text }: Migration): Promise<void> {
  await transaction.query(text)
  await transaction.query(queries['record-migration'], [number, name, sha256])
}

function checkApplied(applied: AppliedMigration[], wanted: Migration[]): void {
  for (const [i, { number, name, sha256 }] of applied.entries()) {
    const ours = wanted[i]
    if (ours === undefined) {
      throw new PginstallError('config_file_error', "repository's database is newer than this program", {
        detail: `It has migration "${name}", which this version of pginstall does not know.`,
        hint: 'Start the version of pginstall that was used last, or a later one.',
      })
    }
    if (ours.number !== number || ours.sha256 !== sha256) {
      throw new PginstallError('config_file_error', `repository's database was made by another migration "${name}"`, {
        detail: `This version of pginstall has "${ours.name}" with other content in its place.`,
      })
    }
  }
}
