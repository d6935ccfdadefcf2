// Text for people: columns, and words of others without what a terminal would obey.

/** Control characters and marks that turn the direction of writing: a description must not move the cursor. */
const unprintable = /[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu

/** One line that can be shown. */
export function plain(text: string): string {
  return text.replace(unprintable, '?')
}

/** Lines in columns two spaces apart, the headings first. The last column is as long as it likes. */
export function formatTable(headings: string[], rows: string[][]): string[] {
  const all = [headings, ...rows].map((row) => row.map(plain))
  const widths = headings.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)))
  return all.map((row) =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  )
}

/** `NAME: value` lines, for one thing rather than many. What is undefined is left out. */
export function formatFields(fields: [name: string, value: string | undefined][]): string[] {
  const known = fields.filter((field): field is [string, string] => field[1] !== undefined)
  const width = Math.max(...known.map(([name]) => name.length))
  return known.map(([name, value]) => `${`${name}:`.padEnd(width + 1)} ${plain(value)}`)
}

/** `1 archive`, `2 archives`: of nouns whose plural ends in s. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}

const units = ['B', 'kB', 'MB', 'GB', 'TB']

/** As pg_size_pretty() has them, with one more digit: 1.2 MB. */
export function formatBytes(bytes: number): string {
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10))
  return `${power === 0 ? bytes : (bytes / 1024 ** power).toFixed(1)} ${units[power]}`
}
