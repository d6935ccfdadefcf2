// Which of two versions is newer. PostgreSQL itself gives versions no order; this one decides only between releases of
// one provider.

/**
 * Compares as Debian's dpkg does (deb-version(7), without epochs): runs of digits as numbers, everything else by
 * character with letters before other characters, and `~` before everything, the end of the string included, so
 * `1.0~beta` < `1.0` < `1.0.1` < `1.10`. Negative, zero or positive, as for Array.prototype.sort; zero for versions
 * that differ only in leading zeros.
 */
export function compareVersions(a: string, b: string): number {
  const left = split(a)
  const right = split(b)
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const order =
      i % 2 === 0 ? compareText(left[i] ?? '', right[i] ?? '') : compareDigits(left[i] ?? '', right[i] ?? '')
    if (order !== 0) return order
  }
  return 0
}

/** Alternating runs: text at even places, digits at odd ones. */
function split(version: string): string[] {
  return version.split(/([0-9]+)/)
}

function compareDigits(a: string, b: string): number {
  const left = a.replace(/^0+/, '')
  const right = b.replace(/^0+/, '')
  if (left.length !== right.length) return left.length - right.length
  return left < right ? -1 : left > right ? 1 : 0
}

function compareText(a: string, b: string): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const order = weigh(a[i]) - weigh(b[i])
    if (order !== 0) return order
  }
  return 0
}

function weigh(character: string | undefined): number {
  if (character === undefined) return 0
  if (character === '~') return -1
  const code = character.charCodeAt(0)
  return /[A-Za-z]/.test(character) ? code : code + 256
}
