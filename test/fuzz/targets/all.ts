// All properties, in the order they are run.
import type { Property } from '../target.ts'
import { archiveReader } from './archive-reader.ts'
import { indexes, manifests } from './documents.ts'
import { confFile, controlFile, settings } from './files.ts'
import { archiveIdentity, names, patterns, versionOrder } from './names.ts'

export const properties: Property[] = [
  ...[names, patterns, versionOrder, archiveIdentity, confFile, controlFile],
  ...[settings, manifests, indexes, archiveReader],
]
