// A plan: what is to be done, in its order. Making one reads only; what is done already has no step, so that whoever
// was interrupted makes a new plan and goes on.
export type Step = {
  /** What is touched, in words: of a dry run, and of the progress. */
  what: string
  run(): Promise<void>
}

/** Carries steps out, each told before it begins. */
export async function carryOut(steps: Step[], signal: AbortSignal, tell: (what: string) => void): Promise<void> {
  for (const { what, run } of steps) {
    signal.throwIfAborted()
    tell(what)
    await run()
  }
}
