// A deadline that can be moved: aborts what hangs on its signal when the other side is silent for too long.
import type { Cancel, Clock } from "../clock.ts"

export interface Deadline {
  readonly signal: AbortSignal
  /** The seconds that ran out; undefined while none did. */
  readonly expired: number | undefined
  /** Starts again, with this many seconds; once expired, it stays so. */
  arm(seconds: number): void
  /** Stops the clock, for a time in which it is not the other side's turn. */
  disarm(): void
}

/** A deadline on `clock`, not yet armed. */
export function createDeadline(clock: Clock): Deadline {
  const controller = new AbortController()
  let expired: number | undefined
  let cancel: Cancel = () => undefined
  return {
    signal: controller.signal,
    get expired() {
      return expired
    },
    arm(seconds) {
      cancel()
      if (expired !== undefined) return
      cancel = clock.after(seconds * 1000, () => {
        expired = seconds
        controller.abort(new Error(`nothing came for ${seconds} s`))
      })
    },
    disarm: () => cancel(),
  }
}
