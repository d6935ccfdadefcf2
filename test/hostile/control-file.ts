// What a publisher may write into control files, and what becomes of it: nothing that local policy did not say.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { writeSettings } from '../helpers/command.ts'
import { type Forgery, forgeArchive } from '../helpers/forged-archive.ts'
import { type Scene, setScene } from '../helpers/scene.ts'
import { type Stage, setStage } from '../helpers/stage.ts'

let stage: Stage

test.before(async () => {
  stage = await setStage()
})

test.after.always(() => stage?.close())

const script = 'CREATE FUNCTION forged() RETURNS text LANGUAGE sql AS $$ SELECT current_user::text $$;'

/** Serves it as git.example/forged/NAME; each test has a name of its own, since the store keeps what was good. */
async function serve(
  { repository }: Scene,
  name: string,
  forgery: Omit<Forgery, 'fullName' | 'script'> & { script?: string },
): Promise<void> {
  const file = await forgeArchive(stage.directory.path, { fullName: `git.example/forged/${name}`, script, ...forgery })
  await repository.add(file)
  repository.publish()
}

test.serial('directory is ours, whatever it says', async (t) => {
  const scene = await setScene(t, stage)
  await serve(scene, 'elsewhere', { control: `default_version = '1.0'\ndirectory = '../../../../etc'\n` })
  await scene.session.query('CREATE EXTENSION elsewhere')
  t.deepEqual(await scene.session.query('SELECT forged()'), [{ forged: 'postgres' }])
})

test.serial('module_pathname names no file of the machine', async (t) => {
  const scene = await setScene(t, stage)
  for (const [i, path] of ['/tmp/evil.so', '../../tmp/evil', '$libdir/../../evil', 'evil'].entries()) {
    await serve(scene, `module${i}`, {
      control: `default_version = '1.0'\nmodule_pathname = '${path}'\n`,
      script: `CREATE FUNCTION forged() RETURNS int4 LANGUAGE c AS 'MODULE_PATHNAME', 'f';`,
    })
    await scene.fails(`CREATE EXTENSION module${i}`, {
      code: '58P01',
      message: /could not access file "MODULE_PATHNAME"/,
    })
  }
})

for (const [title, name, control, message] of [
  ['reads other files', 'includes', `default_version = '1.0'\ninclude '/etc/passwd'\n`, /include/],
  [
    'requires what the manifest does not',
    'requiring',
    `default_version = '1.0'\nrequires = 'plpgsql, dblink'\n`,
    /requires/,
  ],
  ['has another version', 'versioned', `default_version = '2.0'\n`, /default_version/],
  ['has a version that is a path', 'pathed', `default_version = '../../x'\n`, /version/],
  [
    'has a parameter that PostgreSQL does not know',
    'unknown',
    `default_version = '1.0'\nevil = 1\n`,
    /unrecognized|evil/,
  ],
  ['has a NUL', 'nul', `default_version = '1.0'\ncomment = 'a\\0b'\n`, /NUL/],
] as const) {
  test.serial(`an archive is refused whose control file ${title}`, async (t) => {
    const scene = await setScene(t, stage)
    await serve(scene, name, { control })
    const error = await scene.session.errorOf(`CREATE EXTENSION ${name}`)
    t.regex(error?.code ?? '', /^(PI003|F0000|42602)$/)
    t.regex(error?.message ?? '', message)
    t.deepEqual(
      readdirSync(join(stage.state, 'store', 'any')).filter((flat) => flat.endsWith(`+${name}`)),
      [],
    )
  })
}

test.serial('trusted is what policy says, in the main and in auxiliary control files', async (t) => {
  const scene = await setScene(t, stage)
  await serve(scene, 'boastful', {
    control: `default_version = '1.0'\ntrusted = true\nsuperuser = true\n`,
    files: {
      'boastful/boastful--1.0.control': { kind: 'auxiliary_control', content: 'trusted = true\nsuperuser = true\n' },
    },
  })
  await scene.session.query(
    `CREATE ROLE boaster LOGIN; GRANT CREATE ON DATABASE ${scene.database} TO boaster; GRANT CREATE ON SCHEMA public TO boaster`,
  )
  writeSettings(stage.configDirectory, 'grants/boaster', { role: 'boaster', extensions: 'git.example/forged/*' })
  const boaster = await stage.cluster.connect({ database: scene.database, user: 'boaster' })
  await scene.fails(
    'CREATE EXTENSION boastful',
    { code: '42501', message: /permission denied to create extension/ },
    boaster,
  )
})

test.serial('nothing of it is written into the installation', async (t) => {
  const scene = await setScene(t, stage)
  await serve(scene, 'plain', { control: `default_version = '1.0'\nschema = public\n` })
  await scene.session.query('CREATE EXTENSION plain')
  t.deepEqual(await scene.session.query('SELECT full_name FROM pginstall.installed'), [
    { full_name: 'git.example/forged/plain' },
  ])
  t.false(existsSync(join(stage.installation.sharedir, 'extension', 'plain.control')))
})

test.serial('extensions that require each other, or themselves, end in PostgreSQL’s error', async (t) => {
  const scene = await setScene(t, stage)
  for (const [name, other] of [
    ['hen', 'egg'],
    ['egg', 'hen'],
    ['narcissus', 'narcissus'],
  ] as const) {
    await serve(scene, name, {
      control: `default_version = '1.0'\nrequires = '${other}'\n`,
      requires: [{ name: other, provider: `git.example/forged/${other}` }],
    })
  }
  for (const name of ['hen', 'narcissus']) {
    await scene.fails(`CREATE EXTENSION ${name} CASCADE`, {
      code: '42P19',
      message: /cyclic dependency|requires itself/,
    })
  }
})
