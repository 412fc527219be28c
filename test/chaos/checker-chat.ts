// One chat of a history, looked up in the ways that the rules need.
import type { DurableEvent } from "../../src/client/frame.ts"
import type { Entry, FinalChat } from "./history.ts"

export type Said = Extract<DurableEvent, { type: "message" }>
export type Answered = Extract<DurableEvent, { type: "result" }>
export type Ended = Extract<DurableEvent, { type: "end" }>

export interface JudgedTurn {
  readonly question: Said
  readonly results: readonly Answered[]
  readonly ends: readonly Ended[]
}

export interface Judged {
  readonly final: FinalChat
  readonly entries: readonly Entry[]
  /** Messages of people in the log, by the id that the sender gave them. */
  readonly logged: ReadonlyMap<string, readonly Said[]>
  readonly turns: ReadonlyMap<string, JudgedTurn>
}

export function judgedOf(final: FinalChat, entries: readonly Entry[]): Judged {
  const said = final.log.filter((event): event is Said => event.type === "message")
  const results = final.log.filter((event): event is Answered => event.type === "result")
  const ends = final.log.filter((event): event is Ended => event.type === "end")
  const turns = said.flatMap((question): [string, JudgedTurn][] => {
    const { turn_id } = question.data
    if (turn_id === null) return []
    return [
      [
        turn_id,
        {
          question,
          results: results.filter(({ data }) => data.turn_id === turn_id),
          ends: ends.filter(({ data }) => data.turn_id === turn_id),
        },
      ],
    ]
  })
  const named = said.filter(({ data }) => data.client_id !== null)
  return {
    final,
    entries,
    logged: Map.groupBy(named, ({ data }) => data.client_id ?? ""),
    turns: new Map(turns),
  }
}

/** The same text for the same value, whatever the order of its keys. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}
