// One chat of a history, looked up in the ways that the rules need.
import type { DurableEvent } from "../../src/client/frame.ts"
import type { Message } from "../../src/protocol/message.ts"
import type { Entry, FinalChat } from "./history.ts"

export type Said = Extract<DurableEvent, { type: "message" }>
export type Answered = Extract<DurableEvent, { type: "result" }>
export type Ended = Extract<DurableEvent, { type: "end" }>

export interface JudgedTurn {
  readonly question: Said
  /** Of the question and of what joined it. */
  readonly text: string
  readonly results: readonly Answered[]
  readonly ends: readonly Ended[]
}

/** What may differ between an event as it was told at once and as it is replayed: words that were edited, a rating (P4.3). */
export type Changed = ReadonlyMap<string, readonly Changeable[]>
/** The words of an answer to a question are in its part as well. */
type Changeable = "message" | "parts" | "liked"

export interface Judged {
  readonly changed: Changed
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
  const asked = Map.groupBy(
    said.filter(({ data }) => data.turn_id !== null),
    ({ data }) => data.turn_id ?? "",
  )
  const turns = [...asked].flatMap(([turn_id, all]): [string, JudgedTurn][] => {
    const [question] = all
    if (!question) return []
    return [
      [
        turn_id,
        {
          question,
          text: all.flatMap(({ data }) => data.message || []).join("\n\n"),
          results: results.filter(({ data }) => data.turn_id === turn_id),
          ends: ends.filter(({ data }) => data.turn_id === turn_id),
        },
      ],
    ]
  })
  const named = said.filter(({ data }) => data.client_id !== null)
  const changes = final.log.flatMap((event): { id: string; fields: Changeable[] }[] => {
    if (event.type !== "status") return []
    const { edited_message, feedback } = event.data
    return [
      ...(edited_message ? [{ id: edited_message.message_id, fields: ["message", "parts"] as Changeable[] }] : []),
      ...(feedback ? [{ id: feedback.message_id, fields: ["liked"] as Changeable[] }] : []),
    ]
  })
  const changed = new Map(
    [...Map.groupBy(changes, ({ id }) => id)].map(([id, all]) => [id, all.flatMap(({ fields }) => fields)] as const),
  )
  return {
    ...{ final, entries, changed },
    logged: Map.groupBy(named, ({ data }) => data.client_id ?? ""),
    turns: new Map(turns),
  }
}

/** An event or a message without what may have been changed of it. */
export function lasting<T extends DurableEvent | Message>(value: T, changed: Changed): T {
  if ("data" in value) {
    if (value.type !== "message" && value.type !== "result") return value
    return { ...value, data: lasting(value.data, changed) }
  }
  const fields = changed.get(value.id) ?? []
  return { ...value, ...Object.fromEntries(fields.map((field) => [field, null])) }
}

/** The same text for the same value, whatever the order of its keys. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}
