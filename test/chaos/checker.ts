// Judges a history: did the service keep what it promises (DESIGN, promises 1 to 5 and 9)? A pure function. Whatever the
// faults were, none of this may happen.
import type { DurableEvent } from "../../src/client/frame.ts"
import { answersOf } from "./checker-answers.ts"
import { canonical, type Judged, judgedOf } from "./checker-chat.ts"
import { turnsOf } from "./checker-turns.ts"
import { viewsOf } from "./checker-views.ts"
import type { History } from "./history.ts"

export interface Violation {
  readonly rule: string
  readonly chat: string
  readonly facts: object
}

export type Tell = (rule: string, facts: object) => void

/** `answerTo` says what the bot answers to a question when nothing interrupts it. */
export function judge(history: History, answerTo: (question: string) => string): Violation[] {
  const violations: Violation[] = history.unrest.map((what) => ({ rule: "quiet in time", chat: "", facts: { what } }))
  for (const final of history.chats) {
    const tell: Tell = (rule, facts) => violations.push({ rule, chat: final.chat, facts })
    const judged = judgedOf(
      final,
      history.entries.filter(({ chat }) => chat === final.chat),
    )
    logOf(judged, tell)
    acksOf(judged, tell)
    basesOf(judged, tell)
    orderOf(judged, tell)
    viewsOf(judged, tell)
    turnsOf(judged, tell)
    answersOf(judged, answerTo, tell)
  }
  return violations
}

/** The log is 1, 2, 3 ..., and what a client reads is what the store has. */
function logOf({ final }: Judged, tell: Tell): void {
  const { log, stored } = final
  log.forEach(({ seq }, place) => {
    if (seq !== place + 1) tell("seq is contiguous", { seq, place: place + 1 })
  })
  stored.events.forEach(({ seq, kind, ref }, place) => {
    if (seq !== place + 1) tell("seq is contiguous in the store", { seq, place: place + 1 })
    const read = log[place]
    if (!read) return
    if (read.type !== kind || (aboutOf(read) ?? ref) !== ref)
      tell("the log is what is stored", { seq, kind, ref, read: read.type })
  })
  if (stored.last_seq !== stored.events.length || log.length !== stored.events.length)
    tell("the log is what is stored", { last_seq: stored.last_seq, stored: stored.events.length, read: log.length })
  const said = stored.events.filter(({ kind }) => kind === "message" || kind === "result")
  const places = new Map(stored.messages.map(({ id, seq }) => [id, seq]))
  for (const { seq, ref } of said)
    if (places.get(ref ?? "") !== seq) tell("each message has its event", { seq, ref, place: places.get(ref ?? "") })
  if (said.length !== stored.messages.length)
    tell("each message has its event", { events: said.length, messages: stored.messages.length })
}

/** The message or turn that an event is about; undefined: it does not say. */
function aboutOf(event: DurableEvent): string | null | undefined {
  if (event.type === "status") return undefined
  return "id" in event.data ? event.data.id : event.data.turn_id
}

/** The client sends again what was not answered for so long, in milliseconds. */
const sentAgain = 5000

/**
 * Was this refused message sent more than once, or its first try given up by the service because the store did not answer? Then an
 * earlier copy may have come through after the refusal (P3.4).
 */
function mayBeUnderWay(entries: Judged["entries"], refused: number): boolean {
  const last = entries[refused]
  if (last?.happened.kind !== "refused") return false
  const { id } = last.happened
  const line = entries.slice(0, refused).filter(({ device }) => device === last.device)
  const from = line.findLastIndex(({ happened }) => happened.kind === "sent" && happened.id === id)
  const between = line.slice(from + 1).map(({ happened }) => happened)
  const broken = between.some((one) => one.kind === "told" || (one.kind === "connection" && one.state === "waiting"))
  return broken || last.at - (line[from]?.at ?? 0) >= sentAgain
}

/** Acked is kept, once, where it was said to be; refused is not kept; nothing is there that nobody said. */
function acksOf({ entries, logged, final }: Judged, tell: Tell): void {
  const texts = new Set<string>()
  const fresh = new Map<string, string>()
  /** Times that something was said, less those that it was refused. */
  const hopes = new Map<string, number>()
  const refusals = new Map<string, string>()
  const hope = (id: string, text: string, by: 1 | -1) => {
    for (const key of [id, canonical([id, text])]) hopes.set(key, (hopes.get(key) ?? 0) + by)
  }
  for (const [place, { device, happened }] of entries.entries()) {
    if (happened.kind === "edited") texts.add(canonical([happened.message_id, happened.text]))
    if (happened.kind === "sent") {
      texts.add(canonical([happened.id, happened.text]))
      hope(happened.id, happened.text, 1)
    }
    if (happened.kind === "refused" && !mayBeUnderWay(entries, place)) {
      hope(happened.id, happened.text, -1)
      refusals.set(happened.id, happened.code)
    }
    if (happened.kind !== "acked") continue
    const { id, seq, dup } = happened
    const places = logged.get(id)?.map((event) => event.seq) ?? []
    if (places.length === 0) tell("acked is kept", { id, seq, device })
    else if (places.length > 1) tell("once", { id, places })
    else if (places[0] !== seq) tell("acked with its place", { id, seq, place: places[0], dup, device })
    if (dup) continue
    const other = fresh.get(id)
    if (other !== undefined) tell("once", { id, new_for: [other, device] })
    fresh.set(id, device)
  }
  for (const [id, events] of logged) {
    if (events.length > 1) tell("once", { id, places: events.map(({ seq }) => seq) })
    for (const { seq, data } of events) {
      // By its content; and whatever its content, since it may have been edited afterwards.
      if (hopes.get(canonical([id, data.message])) === 0 || hopes.get(id) === 0)
        tell("refused is not kept", { id, seq, code: refusals.get(id) })
      if (!texts.has(canonical([id, data.message])) && !texts.has(canonical([data.id, data.message])))
        tell("nothing from nowhere", { id, seq, text: data.message })
    }
  }
  for (const event of final.log)
    if (event.type === "message" && event.data.client_id === null) tell("nothing from nowhere", { seq: event.seq })
}

/** Who said what they had seen last was heard only if nobody had spoken since (P3.6). */
function basesOf({ entries, logged, final }: Judged, tell: Tell): void {
  for (const { device, happened } of entries) {
    if (happened.kind !== "sent" || happened.base_seq === undefined) continue
    const { id, base_seq } = happened
    const seq = logged.get(id)?.[0]?.seq
    if (seq === undefined) continue
    const between = final.log.slice(base_seq, seq - 1).find(({ type }) => type === "message" || type === "result")
    if (between) tell("nobody spoke in between", { device, id, base_seq, seq, between: between.seq })
  }
}

/** What one device said in order is in the log in that order, whatever was refused or lost in between; after its ack, always. */
function orderOf({ entries, logged }: Judged, tell: Tell): void {
  const times = new Map<string, number>()
  for (const { happened } of entries)
    if (happened.kind === "sent") times.set(happened.id, (times.get(happened.id) ?? 0) + 1)
  const lines = Map.groupBy(entries, ({ device }) => device)
  for (const [device, line] of lines) {
    let last: { id: string; seq: number } | undefined
    let highest = { id: "", seq: 0 }
    const acked = new Set<string>()
    for (const { happened } of line) {
      if (happened.kind === "told") last = undefined
      if (happened.kind === "acked") {
        acked.add(happened.id)
        if (happened.seq !== null && happened.seq > highest.seq) highest = { id: happened.id, seq: happened.seq }
      }
      if (happened.kind !== "sent" || times.get(happened.id) !== 1) continue
      const { id } = happened
      const seq = logged.get(id)?.[0]?.seq
      if (seq === undefined) continue
      if (seq < highest.seq) tell("after its ack", { device, id, seq, earlier: highest })
      if (last && seq < last.seq) tell("in the order of the sender", { device, id, seq, earlier: last })
      last = { id, seq }
    }
  }
}
