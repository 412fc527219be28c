// What each device saw: the log's own events, one after the other, from where it began to the end.

import type { Tell } from "./checker.ts"
import { canonical, type Judged, lasting } from "./checker-chat.ts"
import type { Entry } from "./history.ts"

export function viewsOf(judged: Judged, tell: Tell): void {
  const { final, entries } = judged
  const log = final.log.map((event) => canonical(lasting(event, judged.changed)))
  for (const [device, seen] of Map.groupBy(entries, (entry) => entry.device)) viewOf(judged, log, device, seen, tell)
  for (const { device, cursor, said } of final.devices) {
    if (cursor !== final.stored.last_seq) tell("each view is the whole log", { device, cursor, top: final.log.length })
    if (said && (said.state !== final.stored.state || said.turns > 0))
      tell("every instance says the same", { device, ...said, stored: final.stored.state })
  }
}

function viewOf(
  { final, changed }: Judged,
  log: readonly string[],
  device: string,
  seen: readonly Entry[],
  tell: Tell,
): void {
  let cursor: number | null = null
  for (const { at, happened } of seen) {
    switch (happened.kind) {
      case "opened":
        cursor = happened.cursor
        break
      case "snapshot": {
        if (happened.cursor !== null)
          tell("who has a cursor is served from there", { device, at, cursor: happened.cursor })
        cursor = happened.top
        const wrong = happened.messages.find((message) => {
          const event = final.log[message.seq - 1]
          return (
            !event ||
            !("id" in event.data) ||
            canonical(lasting(event, changed).data) !== canonical(lasting(message, changed))
          )
        })
        if (wrong) tell("a snapshot shows what is in the log", { device, at, seq: wrong.seq, id: wrong.id })
        const before = final.log.slice(0, happened.top).filter(({ type }) => type === "message" || type === "result")
        if (happened.messages.length !== Math.min(50, before.length))
          tell("a snapshot is whole", { device, at, has: happened.messages.length, of: before.length })
        break
      }
      case "event": {
        const { event } = happened
        if (cursor === null || event.seq !== cursor + 1)
          tell("no gap and no double", { device, at, cursor, seq: event.seq })
        cursor = event.seq
        const stored = log[event.seq - 1]
        const payload = canonical(lasting(event, changed))
        if (stored !== payload)
          tell("one payload for each place", { device, at, seq: event.seq, seen: payload, stored })
        break
      }
      case "gave_up":
        tell("a client comes back", { device, at, code: happened.code })
        break
    }
  }
}
