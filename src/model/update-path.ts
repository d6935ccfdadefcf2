// Whether update scripts lead from one version to another. Which way of several is taken is PostgreSQL's to say.

export type UpdateStep = [from: string, to: string]

/** The update scripts among the files of an archive: `name/name--1.0--1.1.sql`. */
export function updateSteps(files: { path: string }[], name: string): UpdateStep[] {
  const prefix = `${name}/${name}--`
  return files.flatMap(({ path }) => {
    if (!path.startsWith(prefix) || !path.endsWith('.sql')) return []
    const [from, to, ...more] = path.slice(prefix.length, -'.sql'.length).split('--')
    return from === undefined || to === undefined || more.length > 0 ? [] : [[from, to] satisfies UpdateStep]
  })
}

/** Whether the scripts make the version from nothing: by one of its own, or by one of another version and updates. */
export function canCreate(files: { path: string }[], name: string, version: string): boolean {
  const steps = updateSteps(files, name)
  const prefix = `${name}/${name}--`
  const made = files.flatMap(({ path }) => (path.startsWith(prefix) ? path.slice(prefix.length, -'.sql'.length) : []))
  return made.some((start) => !start.includes('--') && hasUpdatePath(steps, start, version))
}

export function hasUpdatePath(steps: UpdateStep[], from: string, to: string): boolean {
  const reached = new Set([from])
  // A Set's iterator also visits what is added meanwhile.
  for (const version of reached) {
    for (const [start, end] of steps) if (start === version) reached.add(end)
  }
  return reached.has(to)
}
