// Every query of the repository, read when the module is loaded.
import { loadQueries } from '../adapters/database.ts'

export const queries = loadQueries('src/repository/sql', [
  'count-everything',
  'create-migrations',
  'create-schema',
  'delete-old-index-files',
  'describe-extension',
  'find-archive-by-file',
  'find-extension-by-full-name',
  'find-extensions-by-short-name',
  'find-index-file',
  'find-publication',
  'insert-archive',
  'insert-extension',
  'list-archives-of-extensions',
  'list-current-index-files',
  'list-extensions',
  'list-migrations',
  'lock-changes',
  'record-migration',
  'replace-publication',
  'supersede-index-file',
  'upsert-index-file',
  'upsert-release',
])
