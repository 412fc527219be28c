// Waiting without sleeping: for something to hold, looked at whenever something may have changed.

/** A test waits at most so long, in milliseconds; reaching it is a failure. */
export const patience = 5000

/** Resolves when `condition` holds. `watch` calls back at each change and gives what ends it. */
export function until(
  condition: () => boolean,
  what: string,
  watch: (look: () => void) => () => void = eachTurnOfTheLoop,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = () => {
      clearTimeout(timer)
      unwatch()
    }
    const look = () => {
      if (!condition()) return
      done()
      resolve()
    }
    const timer = setTimeout(() => {
      done()
      reject(new Error(`waited in vain for ${what}`))
    }, patience)
    const unwatch = watch(look)
    look()
  })
}

function eachTurnOfTheLoop(look: () => void): () => void {
  let over = false
  const turn = () => {
    if (over) return
    look()
    setImmediate(turn)
  }
  setImmediate(turn)
  return () => {
    over = true
  }
}
