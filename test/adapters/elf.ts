import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { machine } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { parseReadelf, readElfFile, readElfHeader, readNeeds } from '../../src/adapters/elf.ts'
import { readPgConfig } from '../../src/adapters/pg-config.ts'
import { PginstallError } from '../../src/model/errors.ts'
import { defaultPgConfig } from '../helpers/private-installation.ts'
import { makeTemporaryDirectory } from '../helpers/temporary-directory.ts'

const directory = makeTemporaryDirectory('elf')
test.after.always(() => directory.remove())

const how = { signal: new AbortController().signal, user: undefined }
const server = async () => join((await readPgConfig(defaultPgConfig, how.signal)).bindir, 'postgres')

function compile(name: string, source: string, ...options: string[]): string {
  const file = join(directory.path, `${name}.c`)
  const module = join(directory.path, `${name}.so`)
  writeFileSync(file, source)
  execFileSync('gcc', ['-shared', '-fPIC', '-o', module, file, ...options])
  return module
}

test('the header of a shared object, of a program’s text, and of other machines', async (t) => {
  const module = compile('header', 'int x(void) { return 1; }')
  t.deepEqual(await readElfFile(module), { architecture: machine(), shared: true })
  t.is(readElfHeader(Buffer.from('#!/bin/sh\necho hello, world')), null)
  t.is(readElfHeader(Buffer.from('\x7fELF')), null)
  const foreign = (data: number, low: number, high: number) =>
    readElfHeader(
      Buffer.from([
        0x7f,
        0x45,
        0x4c,
        0x46,
        2,
        data,
        1,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        ...(data === 1 ? [3, 0] : [0, 3]),
        low,
        high,
      ]),
    )
  t.deepEqual(foreign(1, 183, 0), { architecture: 'aarch64', shared: true })
  t.deepEqual(foreign(2, 0, 22), { architecture: 's390x', shared: true })
  t.is(foreign(1, 0xff, 0xff), null)
})

test('needs of several modules are put together', async (t) => {
  const math = compile('math', '#include <math.h>\ndouble x(double y) { return exp(y); }', '-lm', '-Wl,--no-as-needed')
  const memory = compile(
    'memory',
    '#include <string.h>\n#include <stdlib.h>\nvoid *x(void *y, size_t n) { return memcpy(malloc(n), y, n); }',
  )
  const needs = await readNeeds([math, memory], await server(), how)
  t.is(needs.architecture, machine())
  t.is(needs.libc, 'glibc')
  t.is(needs.cpu_level, machine() === 'x86_64' ? 1 : 0)
  t.deepEqual(
    needs.libraries.map(({ soname }) => soname),
    ['libc.so.6', 'libm.so.6'],
  )
  t.true(
    needs.libraries.every(
      ({ versions }) => versions.length > 0 && versions.every((version) => /^GLIBC_2\./.test(version)),
    ),
  )
})

const dpkg = test.macro(async (t) => {
  const module = compile('dpkg', '#include <stdlib.h>\nvoid *x(void) { return malloc(1); }')
  const { libraries } = await readNeeds([module], await server(), how)
  t.is(libraries[0]?.package, 'libc6')
})
try {
  execFileSync('dpkg-query', ['--version'], { stdio: 'ignore' })
  test('names the package that carries a library', dpkg)
} catch {
  test.skip('names the package that carries a library (this machine has no dpkg)', dpkg)
}

test('a module that needs no library at all still has the server’s libc', async (t) => {
  const module = compile('nothing', 'int x(void) { return 1; }', '-nostdlib')
  const needs = await readNeeds([module], await server(), how)
  t.deepEqual([needs.libc, needs.libraries], ['glibc', []])
})

const levels = test.macro(async (t) => {
  const module = compile('level', 'int x(void) { return 1; }', '-Wl,-z,x86-64-v3')
  t.is((await readNeeds([module], await server(), how)).cpu_level, 3)
})
if (machine() === 'x86_64') test('the level of processor that the linker noted', levels)
else test.skip('the level of processor that the linker noted (this machine is no x86-64)', levels)

test('what is no shared object is no module', async (t) => {
  const script = join(directory.path, 'script.so')
  writeFileSync(script, '#!/bin/sh\necho hello, world\n')
  await t.throwsAsync(readNeeds([script], await server(), how), { instanceOf: PginstallError, message: /no ELF file/ })
})

test('versions that a library defines are not taken for versions that it needs', (t) => {
  const { libraries } = parseReadelf(`
 0x0000000000000001 (NEEDED)             Shared library: [libc.so.6]
Version definition section '.gnu.version_d' contains 1 entry:
 Addr: 0x0000000000000458  Offset: 0x000458  Link: 4 (.dynstr)
  000000: Rev: 1  Flags: BASE  Index: 1  Cnt: 1  Name: x.so
  0x001c: Rev: 1  Flags: none  Index: 2  Cnt: 1  Name: X_1
Version needs section '.gnu.version_r' contains 1 entry:
 Addr: 0x0000000000001378  Offset: 0x00001378  Link: 3 (.dynstr)
  000000: Version: 1  File: libc.so.6  Cnt: 1
  0x0010:   Name: GLIBC_2.14  Flags: none  Version: 4
`)
  t.deepEqual([...libraries], [['libc.so.6', new Set(['GLIBC_2.14'])]])
})
