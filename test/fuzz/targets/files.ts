// Configuration and control files, and our settings, which are written in the same syntax.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { readGrants } from '../../../src/adapters/policy-settings.ts'
import { readRepositories } from '../../../src/adapters/repository-settings.ts'
import { readSettingSources, readSettings, type SettingName, writeSetting } from '../../../src/adapters/settings.ts'
import { formatConfValue, parseConfFile } from '../../../src/model/conf-file.ts'
import {
  type ControlFile,
  parseControlFile,
  relocateAuxiliaryControlFile,
  relocateControlFile,
} from '../../../src/model/control-file.ts'
import { property, taken } from '../target.ts'
import { text, unicode, word } from './text.ts'

const value = unicode.filter((candidate) => !candidate.includes('\0'))
const identifier = fc.stringMatching(/^[a-z_][a-z0-9_]{0,10}$/)
const gap = fc.constantFrom(' ', '\t', ' = ', '=', '\t=  ')
const rest = fc.constantFrom('', ' ', '  # comment', '\r', "# it's")
/** Lines that almost are settings, and text that is nothing. */
const loose = fc.oneof(
  text,
  fc
    .array(fc.tuple(fc.oneof(identifier, word), gap, fc.oneof(word, value.map(formatConfValue)), rest))
    .map((lines) => lines.map((parts) => parts.join('')).join('\n')),
)

const confCase = fc.record({
  lines: fc.array(fc.record({ name: identifier, gap, value, rest, blank: fc.boolean() })),
  loose,
})

export const confFile = property('conf-file', confCase, ({ lines, loose }) => {
  const wanted = lines.filter(({ name }) => !name.startsWith('include'))
  const written = wanted.map(
    ({ name, gap, value, rest, blank }) => `${blank ? '\n  # x\n' : ''}${name}${gap}${formatConfValue(value)}${rest}`,
  )
  const read = parseConfFile(written.join('\n'), 'f')
  assert.deepEqual(
    read.map(({ name, value }) => [name, value]),
    wanted.map(({ name, value }) => [name, value]),
  )
  const found = taken(() => parseConfFile(loose, 'f'))
  for (const { value } of found ?? []) {
    assert.equal(parseConfFile(`a = ${formatConfValue(value)}`, 'f')[0]?.value, value)
  }
})

const control = fc.record(
  {
    directory: value,
    defaultVersion: value,
    modulePathname: value,
    comment: value,
    schema: value,
    superuser: fc.boolean(),
    trusted: fc.boolean(),
    requires: fc.array(fc.stringMatching(/^[a-z][a-z0-9_" ,-]{0,20}$/)),
  },
  { requiredKeys: ['superuser', 'trusted', 'requires'] },
)
const place = fc.record({ directory: value, modulePathname: fc.option(value), trusted: fc.boolean() })

function writeControl({ requires, ...control }: Partial<ControlFile>): string {
  const names: Record<string, string> = { defaultVersion: 'default_version', modulePathname: 'module_pathname' }
  const lines = Object.entries(control).map(
    ([key, value]) => `${names[key] ?? key} = ${formatConfValue(String(value))}`,
  )
  const list = (requires ?? []).map((name) => `"${name.replaceAll('"', '""')}"`).join(' , ')
  return [...lines, `requires = ${formatConfValue(list)}`].join('\n')
}

export const controlFile = property('control-file', fc.record({ control, place, loose }), (specimen) => {
  const { place, loose } = specimen
  const model = plain({ relocatable: false, noRelocate: [], ...specimen.control })
  const read = (text: string, auxiliary = false) => parseControlFile(text, { file: 'x.control', auxiliary })
  const source = writeControl(specimen.control)
  assert.deepEqual(plain(read(source)), model)
  const { modulePathname: _, ...others } = model
  assert.deepEqual(plain(read(relocateControlFile(source, place))), withPlace(others, place))

  const had = taken(() => read(loose))
  const relocated = taken(() => relocateControlFile(loose, place))
  assert.equal(relocated === undefined, had === undefined, 'what can be read can be relocated, and nothing else')
  if (had !== undefined && relocated !== undefined) {
    const { modulePathname: _, ...kept } = plain(had)
    assert.deepEqual(plain(read(relocated)), withPlace(kept, place))
  }
  const auxiliary = taken(() => relocateAuxiliaryControlFile(loose, place))
  if (auxiliary === undefined) return
  const amended = read(auxiliary, true)
  assert.equal(amended.trusted, place.trusted)
  if (amended.modulePathname !== undefined) assert.equal(amended.modulePathname, place.modulePathname)
})

function plain(control: object): Record<string, unknown> {
  return { ...control }
}

function withPlace(
  control: Record<string, unknown>,
  { directory, modulePathname, trusted }: { directory: string; modulePathname: string | null; trusted: boolean },
): Record<string, unknown> {
  return { ...control, directory, trusted, ...(modulePathname === null ? {} : { modulePathname }) }
}

/** Enough for a repository, or a grant, to be read at all. */
const sound = fc.constantFrom('', "uri = 'https://a.b/'\nunsigned = no\n", "role = r\nextensions = 'a.b/*'\n")
const looseSettings = fc.oneof(
  loose,
  fc
    .array(
      fc.tuple(
        fc.constantFrom(
          'listen_port',
          'user',
          'Role',
          'uri',
          'constructor',
          '__proto__',
          'repositories',
          'stall_timeout',
          'unsigned',
        ),
        gap,
        fc.oneof(
          word,
          fc.tuple(fc.nat(), word).map(([n, unit]) => formatConfValue(n + unit.replaceAll('\0', ''))),
        ),
      ),
    )
    .map((lines) => lines.map((parts) => parts.join('')).join('\n')),
)
const settingsCase = fc.record({
  loose: fc.tuple(sound, looseSettings).map((parts) => parts.join('')),
  user: value,
})

/** A file of ours that is read has only settings of their types, and writing one leaves the others alone. */
export const settings = property('settings', settingsCase, async ({ loose, user }) => {
  const directory = mkdtempSync(join(tmpdir(), 'pginstall-fuzz-'))
  try {
    for (const folder of ['repositories', 'grants']) {
      mkdirSync(join(directory, folder))
      writeFileSync(join(directory, folder, 'x.conf'), loose)
    }
    for (const grant of taken(() => readGrants([directory])) ?? [])
      checkMembers(grant, ['extensions', 'role', 'trusted'])
    for (const record of taken(() => readRepositories([directory], ['x'])) ?? [])
      checkMembers(record, ['caFile', 'fallback', 'keys', 'name', 'proxy', 'unsigned', 'uri'])
    const names = Object.keys(readSettings([directory]))
    writeFileSync(join(directory, 'pginstall.conf'), loose)
    const before = taken(() => readSettings([directory]))
    if (before === undefined) return
    checkMembers(readSettingSources([directory]), names)
    checkMembers(before, names)
    await writeSetting(directory, 'user' satisfies SettingName, user)
    assert.deepEqual(readSettings([directory]), { ...before, user })
  } finally {
    rmSync(directory, { recursive: true })
  }
})

function checkMembers(record: object, names: string[]): void {
  assert.deepEqual(Object.keys(record).sort(), names.toSorted())
  assert.equal(Object.getPrototypeOf(record), Object.prototype)
  for (const [name, value] of Object.entries(record)) {
    assert.ok(value !== undefined && !Number.isNaN(value), `${name} is ${value}`)
  }
}
