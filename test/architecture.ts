// The floors of the tree: who may import whom. design: a folder imports only from lower floors, never from a sibling on
// its own floor, and has no circle inside.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import test from 'ava'
import { packagePath } from '../src/adapters/package-root.ts'

const floors: Record<string, number> = {
  'src/model': 0,
  'src/adapters': 1,
  'src/install': 2,
  'src/build': 2,
  'src/repository': 2,
  'src/cluster': 2,
  'src/sidecar': 3,
  'src/server': 3,
  'src/cli': 4,
}

/** The only doors to the addon: transfers, the word to the service manager, and SO_PEERCRED. */
const nativeImporters = ['src/adapters/http-client.ts', 'src/adapters/service-manager.ts', 'src/adapters/socket.ts']

type Import = { from: string; to: string }

function sourceFiles(folder: string): string[] {
  return readdirSync(packagePath(folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(folder, file))
}

function importsOf(file: string): Import[] {
  const text = readFileSync(packagePath(file), 'utf8')
  const specifiers = text.matchAll(/^(?:import|export) (?:[^'`;]*? from )?'([^']+)'|\bimport\('([^']+)'\)/gm)
  return [...specifiers]
    .map(([, fixed, dynamic]) => fixed ?? dynamic ?? '')
    .map((specifier) => ({
      from: file,
      to: specifier.startsWith('.') ? normalize(join(dirname(file), specifier)) : specifier,
    }))
}

function folderOf(path: string): string {
  return path.split('/').slice(0, 2).join('/')
}

const files = sourceFiles('src')
const imports = files.flatMap(importsOf)
const internal = imports.filter(({ to }) => to.startsWith('src/'))

test('every folder of src/ has its floor', (t) => {
  t.deepEqual(
    [...new Set(files.map(folderOf))].filter((folder) => !(folder in floors)),
    [],
  )
  t.true(files.length > 20 && internal.length > 50, 'the sources were read')
})

test('a folder imports only from lower floors', (t) => {
  const upwards = internal.filter(({ from, to }) => {
    const [own, other] = [folderOf(from), folderOf(to)]
    return own !== other && (floors[own] ?? 0) <= (floors[other] ?? 0)
  })
  t.deepEqual(upwards, [])
})

test('no file imports itself in a circle', (t) => {
  const next = new Map(files.map((file) => [file, internal.filter(({ from }) => from === file).map(({ to }) => to)]))
  const done = new Set<string>()
  const circles: string[] = []
  const visit = (file: string, path: string[]): void => {
    if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(' → '))
    if (done.has(file) || path.includes(file)) return
    for (const other of next.get(file) ?? []) visit(other, [...path, file])
    done.add(file)
  }
  for (const file of files) visit(file, [])
  t.deepEqual(circles, [])
})

test('the addon has three doors, and programs meet in protocol/ alone', (t) => {
  const native = imports.filter(({ to }) => to.startsWith('native/')).map(({ from }) => from)
  t.deepEqual(native.toSorted(), nativeImporters)
  const outside = imports.filter(({ to }) => /^(pgext|test|scripts|bench|dist)\//.test(to))
  t.deepEqual(outside, [])
  const fromNative = sourceFiles('native').flatMap(importsOf)
  t.deepEqual(
    fromNative.filter(({ to }) => to.startsWith('src/')),
    [],
  )
})

test('only main.ts reads argv and the environment', (t) => {
  const readers = files.filter((file) => /process\.(argv|env)\b/.test(readFileSync(packagePath(file), 'utf8')))
  t.deepEqual(readers, ['src/cli/main.ts'])
})

test('the model does no input or output and knows no clock', (t) => {
  const allowed = new Set(['node:crypto', 'node:buffer', 'ajv', 'ajv-formats'])
  const strange = imports.filter(
    ({ from, to }) => folderOf(from) === 'src/model' && !/^(src|protocol)\//.test(to) && !allowed.has(to),
  )
  t.deepEqual(strange, [])
  const clocks = files.filter(
    (file) => folderOf(file) === 'src/model' && /Date\.now|new Date\(\)/.test(readFileSync(packagePath(file), 'utf8')),
  )
  t.deepEqual(clocks, [])
})
