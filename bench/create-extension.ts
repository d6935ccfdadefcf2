// CREATE EXTENSION from psql, against what people do today: unpack an archive by hand, or apt-get install.
import { makeAptInstaller } from './apt-installer.ts'
import type { Benchmark } from './cast.ts'
import { type Figure, figure, takeInTurn } from './figures.ts'
import { createOurs, createStock, type PrefixStage } from './prefix-stage.ts'
import type { PsqlSession } from './psql-session.ts'

/** A fresh session for each: the second CREATE EXTENSION of a session finds the module mapped. */
async function timeCreation(open: () => Promise<PsqlSession>, lines: string): Promise<number> {
  const session = await open()
  try {
    return await session.run(lines)
  } finally {
    await session.run('DROP EXTENSION IF EXISTS prefix;')
    await session.close()
  }
}

async function createFromNothing({ emptyStore, openOurs }: PrefixStage): Promise<number> {
  await emptyStore()
  return timeCreation(openOurs, createOurs)
}

async function unpackAndCreate({ openStock, unpackCommand, removeUnpacked }: PrefixStage): Promise<number> {
  try {
    return await timeCreation(openStock, `\\! ${unpackCommand}\n${createStock}`)
  } finally {
    removeUnpacked()
  }
}

function sides(name: string, samples: Record<'ours' | 'theirs', number>[]): Figure[] {
  return [
    figure(
      `${name}-ours`,
      'ms',
      samples.map(({ ours }) => ours),
    ),
    figure(
      `${name}-theirs`,
      'ms',
      samples.map(({ theirs }) => theirs),
    ),
  ]
}

export const createCold: Benchmark = async (cast) => {
  const stage = await cast.prefixStage()
  const samples = await takeInTurn({ ours: () => createFromNothing(stage), theirs: () => unpackAndCreate(stage) }, 15)
  const ratios = samples.map(({ ours, theirs }) => ours / theirs)
  return [
    figure('create-cold', 'ratio', ratios, 'curl | tar -xz, then CREATE EXTENSION'),
    ...sides('create-cold', samples),
  ]
}

export const createColdApt: Benchmark = async (cast) => {
  const stage = await cast.prefixStage()
  const apt = makeAptInstaller(cast.directory, stage)
  const installAndCreate = async () => {
    try {
      return await timeCreation(stage.openStock, `\\! ${apt.installCommand}\n${createStock}`)
    } finally {
      apt.purge()
    }
  }
  const samples = await takeInTurn({ ours: () => createFromNothing(stage), theirs: installAndCreate })
  const ratios = samples.map(({ ours, theirs }) => theirs / ours)
  return [
    figure('create-cold-apt', 'ratio', ratios, 'our CREATE EXTENSION; how many times longer apt-get install takes'),
    ...sides('create-cold-apt', samples),
  ]
}

export const createWarm: Benchmark = async (cast) => {
  const stage = await cast.prefixStage()
  const unpack = await stage.openStock()
  try {
    await unpack.run(`\\! ${stage.unpackCommand}`)
    await timeCreation(stage.openOurs, createOurs)
    const create = {
      ours: () => timeCreation(stage.openOurs, createOurs),
      theirs: () => timeCreation(stage.openStock, createStock),
    }
    const samples = await takeInTurn(create, 15)
    const differences = samples.map(({ ours, theirs }) => ours - theirs)
    return [
      figure('create-warm', 'ms', differences, 'CREATE EXTENSION of files in place'),
      ...sides('create-warm', samples),
    ]
  } finally {
    await unpack.close()
    stage.removeUnpacked()
  }
}
