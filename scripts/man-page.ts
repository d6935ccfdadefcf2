// man-page FILE: writes the man page pginstall(1), made of what the command line itself knows.
import { writeFileSync } from 'node:fs'
import { packageVersion } from '../src/adapters/package-root.ts'
import { connectServiceManager } from '../src/adapters/service-manager.ts'
import { readCommandTree } from '../src/cli/command-tree.ts'
import { createContext } from '../src/cli/context.ts'
import { manPage } from '../src/cli/man-page.ts'
import { createProgram } from '../src/cli/program.ts'

const [file = 'dist/pginstall.1'] = process.argv.slice(2)
const context = createContext({
  configDirectories: [],
  environment: {},
  signal: new AbortController().signal,
  serviceManager: connectServiceManager(undefined, undefined),
})
writeFileSync(file, manPage(readCommandTree(await createProgram(context)), packageVersion()))
