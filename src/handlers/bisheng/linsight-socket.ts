// Linsight's socket. It only tells, and what it tells once it does not tell again.
import { ChatError } from "../../errors.ts"
import { path, type Work } from "./linsight-api.ts"
import { LinsightEvent } from "./linsight-event.ts"
import { parsed, type Service } from "./service.ts"

export interface LinsightSocket {
  /** The next event; undefined: the socket is closed. Throws when Bisheng does not let us in, or `signal` aborts. */
  next(signal: AbortSignal): Promise<LinsightEvent | undefined>
  close(): void
}

export function openLinsightSocket({ base_url, headers }: Service, { session_version_id }: Work): LinsightSocket {
  const address = `${base_url.replace(/^http/, "ws")}${path("task-message-stream")}`
  const socket = new WebSocket(`${address}?${new URLSearchParams({ session_version_id })}`, { headers })
  const waiting: LinsightEvent[] = []
  let code: number | undefined
  let arrived = () => {}
  socket.addEventListener("message", ({ data }) => {
    const event = LinsightEvent.safeParse(parsed(String(data))).data
    if (event) waiting.push(event)
    arrived()
  })
  socket.addEventListener("close", (event) => {
    code = event.code
    arrived()
  })
  // "close" follows, and says all that is needed.
  socket.addEventListener("error", () => undefined)

  return {
    async next(signal) {
      for (;;) {
        signal.throwIfAborted()
        const event = waiting.shift()
        if (event) return event
        if (code === 1008)
          throw new ChatError("engine_unauthorized", { cause: new Error("the socket was closed with 1008") })
        if (code !== undefined) return undefined
        await new Promise<void>((resolve) => {
          const done = () => {
            signal.removeEventListener("abort", done)
            resolve()
          }
          arrived = done
          signal.addEventListener("abort", done, { once: true })
        })
      }
    },
    close: () => socket.close(1000),
  }
}
