// Good archives, damaged: either they are refused, or what is read is exactly what was packed.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { readArchive } from '../../../src/adapters/archive-reader.ts'
import { PginstallError } from '../../../src/model/errors.ts'
import { moduleArchive, soundEntries, tarOf } from '../../adapters/helpers/archives.ts'
import { property } from '../target.ts'

const block = 512
const tars = [tarOf(soundEntries), tarOf(moduleArchive('x86_64'))]

const damage = fc.oneof(
  fc.record({ kind: fc.constant('flip' as const), at: fc.nat(), bits: fc.integer({ min: 1, max: 255 }) }),
  fc.record({ kind: fc.constant('cut' as const), at: fc.nat() }),
  fc.record({ kind: fc.constant('swap' as const), at: fc.nat(), other: fc.nat() }),
  fc.record({ kind: fc.constant('repeat' as const), at: fc.nat() }),
  fc.record({ kind: fc.constant('drop' as const), at: fc.nat() }),
)
type Damage = typeof damage extends fc.Arbitrary<infer T> ? T : never

const specimen = fc.record({
  archive: fc.nat(tars.length - 1),
  /** Where: in the tar, with a good gzip frame and headers whose checksums were made good, or in the compressed bytes. */
  packed: fc.boolean(),
  repaired: fc.boolean(),
  damages: fc.array(damage, { minLength: 1, maxLength: 3 }),
})

function inflict(bytes: Buffer, hurt: Damage): Buffer {
  const unit = (number: number) => (number % Math.ceil(bytes.length / block)) * block
  if (bytes.length === 0) return bytes
  if (hurt.kind === 'cut') return bytes.subarray(0, hurt.at % bytes.length)
  if (hurt.kind === 'flip') {
    const changed = Buffer.from(bytes)
    const at = hurt.at % bytes.length
    changed[at] = (changed[at] as number) ^ hurt.bits
    return changed
  }
  const at = unit(hurt.at)
  const before = bytes.subarray(0, at)
  const own = bytes.subarray(at, at + block)
  const after = bytes.subarray(at + block)
  if (hurt.kind === 'drop') return Buffer.concat([before, after])
  if (hurt.kind === 'repeat') return Buffer.concat([before, own, own, after])
  const changed = Buffer.from(bytes)
  const other = unit(hurt.other)
  const there = Buffer.from(changed.subarray(other, other + block))
  own.copy(changed, other)
  there.copy(changed, at)
  return changed
}

/** Makes the checksum of whatever looks like a tar header good, so that the damage gets past it. */
function repairHeaders(tar: Buffer): Buffer {
  const repaired = Buffer.from(tar)
  for (let at = 0; at + block <= repaired.length; at += block) {
    const header = repaired.subarray(at, at + block)
    if (header.toString('latin1', 257, 262) !== 'ustar') continue
    header.write(' '.repeat(8), 148)
    const sum = header.reduce((total, byte) => total + byte, 0)
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  }
  return repaired
}

export const archiveReader = property('archive-reader', specimen, async ({ archive, packed, repaired, damages }) => {
  const original = tars[archive] as Buffer
  const damaged = damages.reduce(inflict, packed ? gzipSync(original) : original)
  const bytes = packed ? damaged : gzipSync(repaired ? repairHeaders(damaged) : damaged)
  const read = await readBytes(bytes)
  if (read === undefined) return
  // In the tar the damage may have made another archive that holds; behind gzip's checksum it cannot.
  if (packed) assert.deepEqual(read, await readBytes(gzipSync(original)))
  assert.deepEqual([...read.files.keys()].sort(), read.manifest.files.map(({ path }) => path).sort())
  for (const { path, size, sha256 } of read.manifest.files) {
    const content = read.files.get(path) as Buffer
    assert.equal(content.length, size)
    assert.equal(createHash('sha256').update(content).digest('hex'), sha256)
  }
})

async function readBytes(bytes: Buffer) {
  const directory = mkdtempSync(join(tmpdir(), 'pginstall-fuzz-'))
  const file = join(directory, 'archive.tar.gz')
  const files = new Map<string, Buffer>()
  try {
    writeFileSync(file, bytes)
    const manifest = await readArchive(file, {
      signal: AbortSignal.timeout(60_000),
      onFile: async ({ path }, content) => {
        assert.ok(!files.has(path), `"${path}" comes twice`)
        files.set(path, Buffer.concat(await Array.fromAsync(content)))
      },
    })
    return { manifest, files }
  } catch (thrown) {
    if (thrown instanceof PginstallError) return undefined
    throw thrown
  } finally {
    rmSync(directory, { recursive: true })
  }
}
