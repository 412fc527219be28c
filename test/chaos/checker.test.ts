// The checker against histories written by hand: a good one it accepts, and each fault it names by its rule.
import { expect, test } from "bun:test"
import type { DurableEvent } from "../../src/client/frame.ts"
import type { Message } from "../../src/protocol/message.ts"
import { judge } from "./checker.ts"
import type { Entry, FinalChat, Happened, History } from "./history.ts"

const time = "2026-01-01T00:00:00.000Z"
const shout = (question: string) => `${question.toUpperCase()}!`

function messageOf(seq: number, data: Partial<Message>): Message {
  return {
    ...{ id: `msg_${seq}`, session_id: "ses", chat_id: "c", flow_id: "chaos", chat_type: "NORMAL", user_id: 1 },
    ...{ is_bot: false, kind: "text", state: "completed", message: "", parts: [], extra: null, source: 0, seq },
    ...{
      turn_id: null,
      client_id: null,
      reply_to: null,
      liked: 0,
      comment: null,
      copied: false,
      usage: null,
      create_time: time,
      deleted_at: null,
    },
    ...data,
  }
}

const envelope = { trace_id: "t", chat_id: "c" }
const said = (seq: number, text: string, id: string, turn_id: string): DurableEvent => ({
  ...{ type: "message", seq, ...envelope },
  data: messageOf(seq, { message: text, client_id: id, turn_id }),
})
const answered = (seq: number, text: string, turn_id: string): DurableEvent => ({
  ...{ type: "result", seq, ...envelope },
  data: messageOf(seq, { message: text, turn_id, is_bot: true }),
})
const ended = (seq: number, turn_id: string, message_id: string | null, state: "completed" | "interrupted") =>
  ({
    ...{ type: "end", seq, ...envelope },
    data: { turn_id, state, reason: "done", message_id, error: null, question: null },
  }) satisfies DurableEvent

/** Two questions of one device, each answered; another device looks on from the beginning, a third came in the middle. */
function good() {
  const log: DurableEvent[] = [
    said(1, "one", "m1", "trn_1"),
    answered(2, "ONE!", "trn_1"),
    ended(3, "trn_1", "msg_2", "completed"),
    said(4, "two", "m2", "trn_2"),
    answered(5, "TWO!", "trn_2"),
    ended(6, "trn_2", "msg_5", "completed"),
  ]
  const entries: Entry[] = []
  const note = (device: string, ...all: Happened[]) => {
    for (const happened of all) entries.push({ at: entries.length, chat: "c", device, happened })
  }
  note("phone", { kind: "opened", cursor: null }, { kind: "snapshot", cursor: null, top: 0, messages: [] })
  note("laptop", { kind: "opened", cursor: 0 })
  note("phone", { kind: "sent", id: "m1", text: "one" }, { kind: "acked", id: "m1", seq: 1, dup: false })
  note("phone", { kind: "sent", id: "m2", text: "two" }, { kind: "acked", id: "m2", seq: 4, dup: false })
  for (const device of ["phone", "laptop"]) {
    note(device, { kind: "news", turn_id: "trn_1", message_id: "msg_2", delta: "ON", length: 2 })
    note(device, { kind: "news", turn_id: "trn_1", message_id: "msg_2", delta: "E!", length: 4 })
    note(device, ...log.map((event): Happened => ({ kind: "event", event })))
  }
  const messages = [0, 1, 3].map((place) => log[place]?.data as Message)
  note("tablet", { kind: "opened", cursor: null }, { kind: "snapshot", cursor: null, top: 4, messages })
  note("tablet", ...log.slice(4).map((event): Happened => ({ kind: "event", event })))
  const chat = {
    chat: "c",
    log,
    stored: {
      ...{ last_seq: 6, state: "completed", questions: 0 },
      events: log.map((event) => ({
        ...{ seq: event.seq, kind: event.type },
        ref: "id" in event.data ? event.data.id : "turn_id" in event.data ? event.data.turn_id : null,
      })),
      turns: [1, 2].map((number) => ({ id: `trn_${number}`, state: "completed", generation: 1 })),
      messages: [1, 2, 4, 5].map((seq) => ({ id: `msg_${seq}`, seq })),
    },
    devices: ["phone", "laptop", "tablet"].map((device) => ({
      ...{ device, cursor: 6 },
      said: { state: "completed", turns: 0 },
    })),
  } satisfies FinalChat
  return { entries, chats: [chat] as [typeof chat], unrest: [] as string[], note }
}

function rulesOf(history: History): string[] {
  return [...new Set(judge(history, shout).map(({ rule }) => rule))]
}

test("a history in which every promise was kept is accepted", () => {
  expect(judge(good(), shout)).toEqual([])
})

type Good = ReturnType<typeof good>
const eventAt = (history: Good, device: string, seq: number) =>
  history.entries.findIndex(
    (entry) => entry.device === device && entry.happened.kind === "event" && entry.happened.event.seq === seq,
  )
const drop = (history: Good, seq: number) => {
  const [chat] = history.chats
  chat.log.splice(seq - 1, 1)
  chat.stored.events.splice(seq - 1, 1)
}

const faults: [what: string, rule: string, (history: Good) => void][] = [
  ["something still goes on", "quiet in time", ({ unrest }) => unrest.push("a turn is open")],
  [
    "an acked message is not in the log",
    "acked is kept",
    ({ note }) =>
      note("phone", { kind: "sent", id: "m3", text: "three" }, { kind: "acked", id: "m3", seq: 7, dup: false }),
  ],
  [
    "an ack names another place",
    "acked with its place",
    ({ note }) =>
      note("laptop", { kind: "sent", id: "m1", text: "one" }, { kind: "acked", id: "m1", seq: 4, dup: true }),
  ],
  [
    "the same id is taken as new twice",
    "once",
    ({ note }) =>
      note("laptop", { kind: "sent", id: "m1", text: "one" }, { kind: "acked", id: "m1", seq: 1, dup: false }),
  ],
  [
    "a refused message is in the log",
    "refused is not kept",
    ({ note }) => note("phone", { kind: "refused", id: "m2", text: "two", code: "busy" }),
  ],
  [
    "a message that nobody sent is in the log",
    "nothing from nowhere",
    ({ entries }) =>
      entries.splice(
        entries.findIndex(({ happened }) => happened.kind === "sent" && happened.id === "m2"),
        2,
      ),
  ],
  ["the log has a hole", "seq is contiguous", (history) => drop(history, 5)],
  [
    "the store says that the chat went further",
    "the log is what is stored",
    ({ chats }) => {
      chats[0].stored.last_seq = 7
    },
  ],
  [
    "a message has no event",
    "each message has its event",
    ({ chats }) => chats[0].stored.messages.push({ id: "msg_9", seq: 9 }),
  ],
  [
    "what was said after an ack comes before it",
    "after its ack",
    ({ entries }) => {
      const ack = entries.findIndex(({ happened }) => happened.kind === "acked" && happened.id === "m2")
      const sent = entries.findIndex(({ happened }) => happened.kind === "sent" && happened.id === "m1")
      entries.splice(sent, 0, ...entries.splice(ack - 1, 2))
    },
  ],
  [
    "what was said without waiting is in another order",
    "in the order of the sender",
    ({ entries }) => {
      const at = entries.findIndex(({ happened }) => happened.kind === "sent" && happened.id === "m1")
      const [m1, ack1, m2, ack2] = entries.splice(at, 4)
      if (m1 && ack1 && m2 && ack2) entries.splice(at, 0, m2, m1, ack1, ack2)
    },
  ],
  [
    "a device missed an event",
    "no gap and no double",
    (history) => {
      history.entries.splice(eventAt(history, "laptop", 3), 1)
    },
  ],
  [
    "a device got an event twice",
    "no gap and no double",
    ({ entries, note, chats }) => {
      const [event] = chats[0].log
      if (event && entries.length > 0) note("laptop", { kind: "event", event })
    },
  ],
  [
    "two devices saw something else at the same place",
    "one payload for each place",
    (history) => {
      const at = eventAt(history, "laptop", 5)
      const entry = history.entries[at]
      if (entry) history.entries[at] = { ...entry, happened: { kind: "event", event: answered(5, "THREE!", "trn_2") } }
    },
  ],
  [
    "a cursor could not be continued",
    "who has a cursor is served from there",
    ({ note }) => note("laptop", { kind: "snapshot", cursor: 9, top: 6, messages: [] }),
  ],
  [
    "a snapshot lacks a message",
    "a snapshot is whole",
    ({ note }) =>
      note("watch", { kind: "opened", cursor: null }, { kind: "snapshot", cursor: null, top: 6, messages: [] }),
  ],
  [
    "a snapshot shows something else",
    "a snapshot shows what is in the log",
    ({ note }) =>
      note("watch", { kind: "snapshot", cursor: null, top: 1, messages: [messageOf(1, { message: "uno" })] }),
  ],
  [
    "a device is behind in the end",
    "each view is the whole log",
    ({ chats }) => {
      const [device] = chats[0].devices
      if (device) device.cursor = 4
    },
  ],
  [
    "an instance believes that a turn still runs",
    "every instance says the same",
    ({ chats }) => {
      const [device] = chats[0].devices
      if (device) device.said = { state: "running", turns: 1 }
    },
  ],
  ["a client gives up", "a client comes back", ({ note }) => note("phone", { kind: "gave_up", code: "closed" })],
  ["a turn does not end", "a turn ends once", (history) => drop(history, 6)],
  [
    "a turn ends twice",
    "a turn ends once",
    ({ chats }) => chats[0].log.push(ended(7, "trn_2", "msg_5", "interrupted")),
  ],
  ["a turn is answered twice", "one answer", ({ chats }) => chats[0].log.push(answered(7, "TWO!", "trn_2"))],
  [
    "an answer comes after the end",
    "nothing after its end",
    ({ chats }) => chats[0].log.push(answered(7, "TWO!", "trn_2")),
  ],
  [
    "an answer that nobody asked for",
    "each turn has a question",
    ({ chats }) => chats[0].log.push(answered(7, "THREE!", "trn_3")),
  ],
  [
    "the end does not name the answer",
    "the end names the answer",
    ({ chats }) => {
      chats[0].log[5] = ended(6, "trn_2", null, "completed")
    },
  ],
  [
    "the second question was answered before the first",
    "one turn at a time",
    ({ chats }) => {
      chats[0].log[2] = ended(3, "trn_2", "msg_5", "completed")
      chats[0].log[5] = ended(6, "trn_1", "msg_2", "completed")
    },
  ],
  [
    "a turn is open in the store",
    "the store knows how a turn ended",
    ({ chats }) => {
      const [turn] = chats[0].stored.turns
      if (turn) turn.state = "running"
    },
  ],
  [
    "the session still runs",
    "the session rests",
    ({ chats }) => {
      chats[0].stored.state = "running"
    },
  ],
  [
    "two answers are glued together",
    "the result is the answer",
    ({ chats }) => {
      chats[0].log[4] = answered(5, "TWO!TWO!", "trn_2")
    },
  ],
  [
    "a completed answer is not whole",
    "the result is the answer",
    ({ chats }) => {
      chats[0].log[4] = answered(5, "TW", "trn_2")
    },
  ],
  [
    "a device saw words that are not the answer's",
    "streamed text is the answer's",
    ({ note }) => note("laptop", { kind: "news", turn_id: "trn_2", message_id: "msg_5", delta: "ONE!", length: 4 }),
  ],
  [
    "a device saw the end of a text without its middle",
    "no hole in a streamed text",
    ({ note }) => note("laptop", { kind: "news", turn_id: "trn_2", message_id: "msg_5", delta: "!", length: 4 }),
  ],
]

for (const [what, rule, spoil] of faults)
  test(`when ${what}, the rule "${rule}" is broken`, () => {
    const history = good()
    spoil(history)
    expect(rulesOf(history)).toContain(rule)
  })

test("of an interrupted answer any beginning is right, also one that is shorter than what was streamed (P4.5)", () => {
  const history = good()
  const [chat] = history.chats
  const shorter = answered(2, "O", "trn_1")
  const end = ended(3, "trn_1", "msg_2", "interrupted")
  chat.log.splice(1, 2, shorter, end)
  const [turn] = chat.stored.turns
  if (turn) turn.state = "interrupted"
  history.entries = history.entries.map((entry) => {
    const { happened } = entry
    if (happened.kind === "snapshot" && happened.messages[1])
      return { ...entry, happened: { ...happened, messages: happened.messages.with(1, shorter.data as Message) } }
    if (happened.kind !== "event") return entry
    return { ...entry, happened: { kind: "event", event: chat.log[happened.event.seq - 1] ?? happened.event } }
  })
  expect(judge(history, shout)).toEqual([])
})

/** The second question is in the log before the first, and this happened between saying the first and its ack. */
function inAnotherOrder(between: Happened, dup: boolean): string[] {
  const history = good()
  const at = history.entries.findIndex(({ happened }) => happened.kind === "sent" && happened.id === "m1")
  const [m1, ack1, m2] = history.entries.splice(at, 4)
  if (!m1 || !ack1 || !m2) throw new Error("the history is another one")
  const later: Entry = { ...ack1, happened: { kind: "acked", id: "m1", seq: 1, dup } }
  const ack: Entry = { ...ack1, happened: { kind: "acked", id: "m2", seq: 4, dup: false } }
  history.entries.splice(at, 0, m2, m1, { ...m1, happened: between }, later, ack)
  return rulesOf(history)
}

test("neither what the service refused for the moment in between nor a broken connection may change the order (P3.7)", () => {
  const broken: Happened = { kind: "connection", state: "waiting", code: 1006 }
  for (const between of [{ kind: "told", code: "store_unavailable" } as const, broken]) {
    for (const dup of [true, false]) expect(inAnotherOrder(between, dup)).toEqual(["in the order of the sender"])
  }
})

test("a message that was edited while it waited shows its old text at those who saw it before, its new one later (P6.10)", () => {
  const edit = (message_id: string, text: string): [Good, DurableEvent] => {
    const history = good()
    const [chat] = history.chats
    const state = { state: "running", lifecycle: "active" } as const
    const edited: DurableEvent = {
      ...{ type: "status", seq: 7, ...envelope },
      data: {
        ...{ ...state, topic: null, logo: null, turns: [], question: null, head: null },
        ...{ changed: ["messages"], edited_message: { message_id, message: text } },
      },
    }
    chat.log[3] = said(4, text, "m2", "trn_2")
    chat.log[4] = answered(5, shout(text), "trn_2")
    chat.log.push(edited)
    chat.stored.events.push({ seq: 7, kind: "status", ref: message_id })
    chat.stored.last_seq = 7
    for (const device of chat.devices) device.cursor = 7
    history.entries = history.entries.map((entry) => {
      const { happened } = entry
      if (happened.kind !== "event" || happened.event.seq !== 5) return entry
      return { ...entry, happened: { kind: "event", event: chat.log[4] ?? happened.event } }
    })
    for (const device of ["phone", "laptop", "tablet"])
      history.entries.push({ at: 99, chat: "c", device, happened: { kind: "event", event: edited } })
    return [history, edited]
  }
  const [history] = edit("msg_4", "zwei")
  history.entries.unshift({
    at: 0,
    chat: "c",
    device: "phone",
    happened: { kind: "edited", message_id: "msg_4", text: "zwei" },
  })
  expect(judge(history, shout)).toEqual([])
  const [unsaid] = edit("msg_4", "zwei")
  expect(rulesOf(unsaid)).toContain("nothing from nowhere")
})
