// Random frames from several sockets of two users: nothing crashes, leaks or gets lost, and every frame has its one answer.
// A failing seed is run again with FUZZ_SEED=...
import { expect, test } from "bun:test"
import fc from "fast-check"
import { errorTable } from "../../src/errors.ts"
import type { TestClient } from "../support/client.ts"
import { startTestServer, type TestServer } from "../support/server.ts"
import { frames, type Sent } from "./frames.ts"
import { wildBot } from "./wild-bot.ts"

const seed = Number(Bun.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31))
const documented = new Set<number>([1000, 1009, ...Object.values(errorTable).flatMap(({ close }) => close ?? [])])

interface Person {
  readonly user: number
  /** Stands in all that is said by them or to them. */
  readonly mark: string
  readonly chats: readonly [string, string]
}

const people: readonly [Person, Person] = [
  { user: 1, mark: "Alice!", chats: ["a1", "a2"] },
  { user: 2, mark: "Robert", chats: ["b1", "b2"] },
]
const sockets = 6
const personOf = (socket: number): Person => people[socket % 2 === 0 ? 0 : 1]
const homeOf = (socket: number): string => personOf(socket).chats[socket < 3 ? 0 : 1]

/** One connection and the ids of what was sent on it. */
interface Wire {
  readonly person: Person
  readonly client: TestClient
  readonly asked: string[]
  /** We ended it. */
  cut: boolean
}

type Act = { readonly socket: number } & (
  | { readonly frame: (id: string) => Sent }
  /** The last frame of this person once more, perhaps from another device. */
  | { readonly again: true }
  | { readonly leave: "cut" | "close" }
)

function acts(): fc.Arbitrary<Act[]> {
  const of = (socket: number): fc.Arbitrary<Act> => {
    const world = { chats: ["a1", "a2", "b1", "b2", "nobody's", "no"], mark: personOf(socket).mark, token: "no token" }
    return fc.oneof(
      { weight: 30, arbitrary: frames(world).map((frame) => ({ socket, frame })) },
      { weight: 3, arbitrary: fc.constant({ socket, again: true as const }) },
      { weight: 1, arbitrary: fc.constantFrom("cut" as const, "close" as const).map((leave) => ({ socket, leave })) },
    )
  }
  return fc.array(fc.nat(sockets - 1).chain(of), { minLength: 60, maxLength: 160 })
}

test(`[P2.6] [P3.2] [P4.1] [P9.2] random frames are answered once each, crash nothing, leak nothing (seed ${seed})`, async () => {
  const property = fc.asyncProperty(acts(), play)
  await fc.assert(property, { seed, numRuns: 15, endOnFailure: true, interruptAfterTimeLimit: 8000 })
}, 30_000)

async function play(list: readonly Act[]): Promise<void> {
  await using chat = await startTestServer({
    handlers: { wild: wildBot },
    env: { CHAT_MAX_MESSAGE_LENGTH: "200", CHAT_MAX_FRAME_BYTES: "20000", CHAT_MAX_QUEUED_TURNS: "4" },
  })
  const all: Wire[] = []
  const present = new Map<number, Wire>()
  const open = async (socket: number): Promise<Wire> => {
    const person = personOf(socket)
    const client = await chat.connect({ user: person.user, chat: homeOf(socket) })
    const wire: Wire = { person, client, asked: [], cut: false }
    present.set(socket, wire)
    all.push(wire)
    return wire
  }
  const last = new Map<Person, Sent>()
  for (const [count, act] of list.entries()) {
    let wire = present.get(act.socket) ?? (await open(act.socket))
    if ("leave" in act) {
      wire.cut = true
      if (act.leave === "cut") wire.client.cut()
      else wire.client.close()
    }
    if (wire.client.isClosed) wire = await open(act.socket)
    const sent = "frame" in act ? act.frame(`f${count}`) : "again" in act ? last.get(wire.person) : undefined
    if (!sent) continue
    last.set(wire.person, sent)
    if (sent.id !== undefined) wire.asked.push(sent.id)
    await wire.client.send(sent.raw)
    if (count % 7 === 0) await quiet(wire.client)
  }
  await Promise.all(all.map(({ client }) => quiet(client)))
  for (const wire of all) await checkAnswers(wire)
  await checkViews(all, await logsOf(chat))
}

/** Resolves when all that was sent on a socket has been handled, or when it is closed. */
async function quiet(client: TestClient): Promise<void> {
  await Promise.race([client.closed, client.settled()])
}

async function checkAnswers({ client, asked, cut }: Wire): Promise<void> {
  const answered = client.frames.flatMap((frame) =>
    frame.type === "ack" || frame.type === "error" ? (frame.id ?? []) : [],
  )
  // Answers come in the order of the frames, so those of a socket that is gone are the first of them.
  expect(answered).toEqual(asked.slice(0, answered.length))
  if (cut) return
  if (client.isClosed) expect(documented).toContain((await client.closed).code)
  else expect(answered.length).toBe(asked.length)
}

interface Log {
  readonly user: number
  readonly session_id: string
  readonly events: TestClient["events"]
}

/** Every chat is brought to rest; its log is whole. */
async function logsOf(chat: TestServer): Promise<Map<string, Log>> {
  const logs = new Map<string, Log>()
  for (const { user, chats } of people) {
    for (const name of chats) {
      const ending = await chat.connect({ user, chat: name })
      await ending.ask({ type: "end" })
      const trace_id = "t-rest"
      do await ending.send({ type: "status", trace_id })
      while ((await ending.next("status", (frame) => frame.trace_id === trace_id)).data.turns.length > 0)
      const reader = await chat.connect({ user, chat: name })
      const [start] = await reader.join({ cursor: 0 })
      if (start?.type !== "start" || !("session" in start.data)) throw new Error("the reader did not join")
      logs.set(name, { user, session_id: start.data.session.id, events: reader.events })
      expect(reader.events.map(({ seq }) => seq)).toEqual(reader.events.map((_, place) => place + 1))
    }
  }
  return logs
}

/** What each client saw is a part of the log without a hole, and nothing of the other user's. */
async function checkViews(all: readonly Wire[], logs: ReadonlyMap<string, Log>): Promise<void> {
  for (const { client, person } of all) {
    const top = new Map<string, number>()
    for (const frame of client.frames) {
      if (frame.type === "start" && "session" in frame.data) top.set(frame.chat_id, frame.data.from)
      if (!("seq" in frame) || frame.seq === undefined) continue
      expect(frame.seq).toBe((top.get(frame.chat_id) ?? 0) + 1)
      top.set(frame.chat_id, frame.seq)
      expect<unknown>(frame).toEqual(logs.get(frame.chat_id)?.events[frame.seq - 1])
    }
    const seen = JSON.stringify(client.frames)
    for (const { mark } of people) if (mark !== person.mark) expect(seen).not.toContain(mark)
    for (const { user, session_id } of logs.values()) {
      if (user !== person.user) expect(seen).not.toContain(session_id)
    }
  }
}
