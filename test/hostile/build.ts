// Sources that attack the machine that builds them.
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import test from 'ava'
import { findUser } from '../../src/adapters/privileges.ts'
import { canContain } from '../../src/adapters/process.ts'
import { buildExtension } from '../../src/build/build.ts'
import { PginstallError } from '../../src/model/errors.ts'
import { isRoot } from '../helpers/os-users.ts'
import { defaultPgConfig } from '../helpers/private-installation.ts'
import { makeTemporaryDirectory } from '../helpers/temporary-directory.ts'

const directory = makeTemporaryDirectory('hostile-build')
test.after.always(() => directory.remove())

const secret = join(directory.path, 'secret')
writeFileSync(secret, 'of nobody’s business\n')
chmodSync(secret, 0o600)

let count = 0
/** A source whose `make install` is what the attacker wrote; `$(extension)` is where a control file would go. */
function attack(install: string[], control = "default_version = '1'\n"): string {
  const tree = directory.make(`tree-${count++}`)
  const lines = ['mkdir -p $(extension)', 'cp evil.control evil--1.sql $(extension)', ...install]
  writeFileSync(join(tree, 'evil.control'), control)
  writeFileSync(join(tree, 'evil--1.sql'), 'SELECT 1;\n')
  writeFileSync(
    join(tree, 'Makefile'),
    `extension = $(DESTDIR)$(shell $(PG_CONFIG) --sharedir)/extension\nall:\ninstall:\n${lines.map((line) => `\t${line}\n`).join('')}`,
  )
  return tree
}

function build(source: string, more: { user?: { uid: number; gid: number } } = {}) {
  const place = directory.make(`place-${count++}`)
  return buildExtension({
    source,
    fullName: 'a.example/evil',
    pgConfigs: [defaultPgConfig],
    outputDirectory: join(place, 'output'),
    logDirectory: join(place, 'log'),
    buildRoot: place,
    buildNumber: 1,
    requires: {},
    gmake: 'make',
    signal: new AbortController().signal,
    onProgress: () => {},
    ...more,
  })
}

const asRoot = isRoot ? test : test.skip

asRoot('make is not run as root, nor with root’s groups', async (t) => {
  const proof = directory.make('proof')
  chmodSync(proof, 0o777)
  await build(attack([`id -u > ${proof}/uid`, `id -G > ${proof}/groups`]))
  const { uid, gid } = findUser('nobody')
  t.is(readFileSync(join(proof, 'uid'), 'utf8'), `${uid}\n`)
  t.is(readFileSync(join(proof, 'groups'), 'utf8'), `${gid}\n`)
})

asRoot('a build user that is root is refused', async (t) => {
  await t.throwsAsync(build(attack([]), { user: { uid: 0, gid: 0 } }), { message: 'a build must not run as root' })
})

asRoot('a link to a file that only root may read does not publish it', async (t) => {
  for (const link of [`ln -s ${secret} $(extension)/data.txt`, `ln -sf ${secret} $(extension)/evil--1.sql`]) {
    await t.throwsAsync(build(attack([link])), { instanceOf: PginstallError })
  }
})

test('a link that leads out of the source is refused', async (t) => {
  for (const target of ['/etc/passwd', '../secret', 'x/../../secret']) {
    const tree = attack([])
    symlinkSync(target, join(tree, 'link'))
    await t.throwsAsync(build(tree), { message: /a symbolic link that leads out of it: "link"/ })
  }
})

test('a link in circles ends', async (t) => {
  await t.throwsAsync(build(attack(['ln -s . $(extension)/circle'])), { instanceOf: PginstallError })
})

test('git configuration in a source is not obeyed by root', async (t) => {
  const tree = attack([])
  const proof = join(directory.path, 'fsmonitor')
  const program = join(tree, 'monitor')
  writeFileSync(program, `#!/bin/sh\nid -u > ${proof}\n`)
  chmodSync(program, 0o755)
  execFileSync('git', ['-C', tree, 'init', '--quiet'])
  execFileSync('git', ['-C', tree, 'config', 'core.fsmonitor', program])
  await build(tree)
  t.true(!existsSync(proof) || readFileSync(proof, 'utf8') !== '0\n')
})

test('URIs that have git run a program are refused', async (t) => {
  const proof = join(directory.path, 'ran')
  for (const uri of [`ext::sh -c touch% ${proof}`, `ext://x`, `--upload-pack=touch ${proof}://x`]) {
    await t.throwsAsync(build(uri), { instanceOf: PginstallError })
  }
  t.false(existsSync(proof))
})

test('a control file that includes another is refused', async (t) => {
  await t.throwsAsync(build(attack([], "default_version = '1'\ninclude '/etc/passwd'\n")), {
    message: /directive "include"/,
  })
})

test('names that could be taken for something else are refused', async (t) => {
  for (const name of ["'$$(id)'", "'a\tb'", "'-rf'$$'\\n''x'", '$$(printf "\\342\\200\\256")']) {
    await t.throwsAsync(build(attack([`touch "$(extension)/"${name}`])), { instanceOf: PginstallError })
  }
})

test('a module that is none is refused', async (t) => {
  const lib = '$(DESTDIR)$(shell $(PG_CONFIG) --pkglibdir)'
  await t.throwsAsync(build(attack([`mkdir -p ${lib}`, `cp evil.control ${lib}/evil.so`])), {
    instanceOf: PginstallError,
  })
})

test('output without end ends the build, and its log', async (t) => {
  const line = 'x'.repeat(30_000)
  const error = await t.throwsAsync(build(attack([`yes ${line}`, `yes ${line} >&2`])), { instanceOf: PginstallError })
  t.like(error, { sqlstate: 'PI004', message: 'could not build the source: its output has more than 67108864 bytes' })
  const [, log] = /The whole log is in "(.*)"\.$/.exec(error?.hint ?? '') ?? []
  t.true(statSync(log as string).size <= 64 * 1024 ** 2)
})

/** Whether a process with this argument runs anywhere: in a name space of its own it has another number there. */
function isRunning(argument: string): boolean {
  return readdirSync('/proc').some((entry) => {
    const file = join('/proc', entry, 'cmdline')
    return /^[0-9]+$/.test(entry) && existsSync(file) && readIfThere(file).split('\0').includes(argument)
  })
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    // It has ended meanwhile.
    return ''
  }
}

test('what make leaves running is ended', async (t) => {
  const [marker, daemon] = [`${100_000 + process.pid}.1`, `${100_000 + process.pid}.2`]
  const started = join(directory.make('left'), 'started')
  chmodSync(dirname(started), 0o777)
  const leave = isRoot && (await canContain()) ? [`setsid sleep ${daemon} &`] : []
  await build(attack([`sleep ${marker} & echo yes > ${started}`, ...leave]))
  t.is(readFileSync(started, 'utf8'), 'yes\n')
  t.false(isRunning(marker))
  t.false(isRunning(daemon))
})
