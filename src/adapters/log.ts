// The log of a daemon: pino's JSON lines, to standard error where systemd and people look for it.
import { destination, type Logger, pino } from 'pino'

export type { Logger }

export function createLog(name: string): Logger {
  return pino({ name, timestamp: () => `,"time":"${new Date().toISOString()}"` }, destination({ dest: 2, sync: true }))
}
