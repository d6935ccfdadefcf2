// The source of the server that is tested, which scripts/test-neighbour fetches.
export const postgresSource = process.env.PGINSTALL_TEST_PG_SOURCE ?? ''

/** Why what needs it is skipped; undefined when it is there. */
export const noSource = postgresSource === '' ? 'the source of this server cannot be had' : undefined

/** The end of the title of a test that may be skipped. */
export function because(obstacle: string | undefined): string {
  return obstacle === undefined ? '' : `: ${obstacle}`
}
