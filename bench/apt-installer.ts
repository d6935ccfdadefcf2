// apt-get install of the archive's files as a .deb from a repository in a directory. It works on copies of the machine's
// lists of packages, its sources and dpkg's database, as large as they are here; nothing of the machine is changed.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, join, relative } from 'node:path'
import { isRoot } from '../test/helpers/os-users.ts'
import type { TemporaryDirectory } from '../test/helpers/temporary-directory.ts'
import type { PrefixStage } from './prefix-stage.ts'

export type AptInstaller = {
  /** For a shell. */
  installCommand: string
  purge(): void
}

const packageName = 'postgresql-prefix-for-bench'

/** @throws Error unless root, to whom dpkg gives the files that it installs */
export function makeAptInstaller(directory: TemporaryDirectory, { stage, archive }: PrefixStage): AptInstaller {
  if (!isRoot) throw new Error('dpkg must be root; type: sudo npm run bench -- create-cold-apt')
  const repository = directory.make('apt-repository')
  const root = join(stage.directory.path, 'postgresql')
  buildRepository(repository, directory.make('apt-package'), archive, {
    share: join(relative(root, stage.installation.sharedir), 'extension'),
    lib: relative(root, stage.installation.pkglibdir),
  })
  const database = join(directory.path, 'dpkg')
  cpSync('/var/lib/dpkg', database, { recursive: true })
  const state = directory.make('apt')
  writeAptState(state, database, root, repository)
  const apt = ['-qq', '-c', join(state, 'apt.conf')]
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  // Only this source is read anew: the others stay as the machine has them.
  const onlyOurs = ['-o', `Dir::Etc::SourceList=${join(state, 'ours.list')}`, '-o', 'Dir::Etc::SourceParts=/dev/null']
  execFileSync('apt-get', [...apt, ...onlyOurs, '-o', 'APT::Get::List-Cleanup=0', 'update'], { env: environment })
  return {
    installCommand: `DEBIAN_FRONTEND=noninteractive apt-get ${apt.join(' ')} -y install ${packageName} > /dev/null`,
    purge: () =>
      void execFileSync('dpkg', [`--admindir=${database}`, `--instdir=${root}`, '--purge', packageName], {
        stdio: ['ignore', 'ignore', 'pipe'],
      }),
  }
}

function buildRepository(
  repository: string,
  tree: string,
  archive: string,
  places: { share: string; lib: string },
): void {
  for (const place of ['DEBIAN', places.share, places.lib]) mkdirSync(join(tree, place), { recursive: true })
  const share = join(tree, places.share)
  const options = ['-C', share, '--transform=s,^prefix/,,', '--exclude=manifest.json', '--exclude=*.so']
  execFileSync('tar', ['-xzf', archive, ...options])
  execFileSync('tar', [
    '-xzf',
    archive,
    '-C',
    join(tree, places.lib),
    '--transform=s,^prefix/,,',
    '--wildcards',
    '*.so',
  ])
  const control = [
    `Package: ${packageName}`,
    'Version: 1',
    'Architecture: all',
    'Maintainer: nobody <nobody@localhost>',
    'Description: the files of an archive',
  ].join('\n')
  writeFileSync(join(tree, 'DEBIAN/control'), `${control}\n`)
  const file = join(repository, `${packageName}_1_all.deb`)
  execFileSync('dpkg-deb', ['--root-owner-group', '--build', tree, file], { stdio: ['ignore', 'ignore', 'pipe'] })
  const sha256 = createHash('sha256').update(readFileSync(file)).digest('hex')
  const entry = `${control}\nFilename: ./${basename(file)}\nSize: ${statSync(file).size}\nSHA256: ${sha256}\n`
  writeFileSync(join(repository, 'Packages'), entry)
}

function writeAptState(state: string, database: string, root: string, repository: string): void {
  const lists = join(state, 'lists')
  mkdirSync(join(lists, 'partial'), { recursive: true })
  mkdirSync(join(state, 'cache/archives/partial'), { recursive: true })
  for (const name of readdirSync('/var/lib/apt/lists')) {
    if (name !== 'partial' && name !== 'lock' && name !== 'auxfiles')
      symlinkSync(join('/var/lib/apt/lists', name), join(lists, name))
  }
  const sources = join(state, 'sources')
  cpSync('/etc/apt/sources.list.d', sources, { recursive: true })
  const ours = `deb [trusted=yes] file:${repository} ./\n`
  writeFileSync(join(state, 'ours.list'), ours)
  writeFileSync(join(sources, 'bench.list'), ours)
  // Hooks of the machine's settings clean the machine's own cache, or ask about services: not ours to run.
  const hooks = ['DPkg::Pre-Invoke', 'DPkg::Post-Invoke', 'DPkg::Pre-Install-Pkgs', 'APT::Update::Post-Invoke']
  const lines = [
    ...[...hooks, 'APT::Update::Pre-Invoke', 'APT::Update::Post-Invoke-Success'].map((hook) => `#clear ${hook};`),
    `Dir::Etc::SourceParts "${sources}";`,
    `Dir::State::Lists "${lists}";`,
    `Dir::State::status "${join(database, 'status')}";`,
    `Dir::State::extended_states "${join(state, 'extended_states')}";`,
    `Dir::Cache "${join(state, 'cache')}";`,
    'Dir::Log "/dev/null";',
    'APT::Sandbox::User "root";',
    `DPkg::Options { "--admindir=${database}"; "--instdir=${root}"; "--log=/dev/null"; };`,
  ]
  writeFileSync(join(state, 'apt.conf'), `${lines.join('\n')}\n`)
}
