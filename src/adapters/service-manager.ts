// What a daemon tells systemd: that it serves, and, from then on, that it still does. Source: sd_notify(3), sd_watchdog_enabled(3).
import { notify } from '../../native/index.ts'

export type ServiceManager = {
  /** The daemon serves from now on; its watchdog is fed until the signal aborts. */
  ready(signal: AbortSignal): void
}

/**
 * `notifySocket` and `watchdogUsec` are NOTIFY_SOCKET and WATCHDOG_USEC of the environment; without the first there is
 * nobody to tell.
 */
export function connectServiceManager(
  notifySocket: string | undefined,
  watchdogUsec: string | undefined,
): ServiceManager {
  return {
    ready(signal) {
      if (!notifySocket) return
      notify(notifySocket, 'READY=1')
      // A timer proves what matters: that the event loop, which serves everybody, goes round.
      const feed =
        Number(watchdogUsec) > 0 ? setInterval(() => tell(notifySocket, 'WATCHDOG=1'), halfMs(watchdogUsec)) : undefined
      feed?.unref()
      const stop = () => {
        clearInterval(feed)
        tell(notifySocket, 'STOPPING=1')
      }
      if (signal.aborted) stop()
      else signal.addEventListener('abort', stop, { once: true })
    },
  }
}

function halfMs(watchdogUsec: string | undefined): number {
  return Math.max(1, Math.floor(Number(watchdogUsec) / 2000))
}

/** A manager that is restarting misses one of these; the next comes in time. */
function tell(socket: string, message: string): void {
  try {
    notify(socket, message)
  } catch {
    // It is no reason to stop serving.
  }
}
