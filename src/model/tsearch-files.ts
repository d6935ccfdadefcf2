// Text search files that an archive holds: PostgreSQL looks for them in its own directory and nowhere else.

/** Paths in the archive. Those in folders below are no files that PostgreSQL would find. */
export function tsearchFiles({ name, files }: { name: string; files: { path: string }[] }): string[] {
  const folder = `${name}/share/tsearch_data/`
  return files
    .map(({ path }) => path)
    .filter((path) => path.startsWith(folder) && !path.slice(folder.length).includes('/'))
}
