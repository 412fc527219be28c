// The bus may lose, repeat and reorder; who follows a chat notices nothing of it but a short wait.
import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import type { DurableFrame } from "../../src/chat/frames.ts"
import { LiveChat } from "../../src/chat/live-chat.ts"
import { silentLog } from "../../src/log.ts"
import type { ServerFrame } from "../../src/protocol/server-frame.ts"
import { loadChat } from "../../src/store/events.ts"
import { FakeClock } from "../support/clock.ts"
import { until } from "../support/until.ts"
import { type GatedDatabase, gated } from "./gated-database.ts"
import { openScene, type Scene, user } from "./scene.ts"

/** A conversation with a bit of everything, on a bus that loses nothing. */
async function converse({ bot, bus, manager, published, say, session }: Scene): Promise<DurableFrame[]> {
  await say("one")
  await say("two")
  const first = await bot.run()
  await first.yield({ type: "title", title: "A trip" })
  await first.say("answer")
  void first.yield({ type: "question", prompt: "Which?" })
  await published("end")
  await bot.run()
  await manager.interrupt(user, session, { wait_ms: 0, trace_id: "t" })
  await published("end", 2)
  await say("three")
  ;(await bot.run()).fail(new Error("no"))
  await published("end", 3)
  await manager.updateSession(user, session, { logo: "https://files.example.org/l.png" }, "t")
  await say("four")
  await bot.run()
  return bus.published.filter((frame): frame is DurableFrame => "seq" in frame && frame.seq !== undefined)
}

/** The same chat in another memory, as it was before the first event. */
function fresh(scene: Scene, db: GatedDatabase) {
  const clock = new FakeClock()
  const sent: ServerFrame[] = []
  const chat = new LiveChat(
    { session: scene.session, turns: [], question: null },
    {
      ...{ db, clock, log: silentLog, max_exchanges: 25, onDeleted: () => undefined },
      fanOut: (_, __, text) => sent.push(JSON.parse(text) as ServerFrame) > 0,
    },
  )
  const looker = scene.follower()
  chat.followers.push(looker)
  return { chat, clock, sent, db }
}

async function stateOf(scene: Scene) {
  const kept = await loadChat(scene.db, scene.session.id)
  if (!kept) throw new Error("the chat is not there")
  const { state, topic, logo, last_seq } = kept.session
  return { state, topic, logo, last_seq, turns: kept.turns.map(({ id }) => id), question: kept.question?.id ?? null }
}

function told({ session, turns, question }: LiveChat) {
  const { state, topic, logo, last_seq } = session
  const ids = turns.map(({ turn_id }) => turn_id)
  return { state, topic, logo, last_seq, turns: ids, question: question?.input_id ?? null }
}

/** The text of the one answer, put together as a client does; a hole is a failure. */
function streamed(frames: readonly ServerFrame[]): string {
  let text = ""
  for (const frame of frames) {
    if (frame.type !== "progress" || frame.data.kind !== "text") continue
    if (frame.data.offset > text.length) throw new Error(`a hole at ${text.length}`)
    text = text.slice(0, frame.data.offset) + frame.data.text
  }
  return text
}

describe("[P4.1] however the bus brings them, events go out in order, each once, and add up to the state that is kept", () => {
  test("[P4.1] in any order, with any lost and any repeated, as long as the last one comes", async () => {
    await using scene = await openScene()
    const log = await converse(scene)
    const expected = await stateOf(scene)
    const last = log.length - 1
    const deliveries = fc.array(fc.integer({ min: 0, max: last }), { maxLength: 2 * log.length })
    await fc.assert(
      fc.asyncProperty(deliveries, fc.nat(), async (order, at) => {
        const { chat, clock, sent } = fresh(scene, gated(scene.db))
        const places = [...order]
        places.splice(at % (order.length + 1), 0, last)
        for (const place of places) {
          const frame = log[place]
          if (frame) chat.accept(frame)
        }
        await clock.advance(50)
        await until(() => chat.top === log.length, "the gap to be filled")
        expect(sent).toEqual(log)
        expect(told(chat)).toEqual(expected)
        expect(chat.talk.ring.since(0, 1000)?.map(({ seq }) => seq)).toEqual(log.map(({ seq }) => seq))
      }),
      { numRuns: 60 },
    )
  })

  test("[P4.1] what comes in order needs no store and no wait", async () => {
    await using scene = await openScene()
    const log = await converse(scene)
    const { chat, sent, db } = fresh(scene, gated(scene.db))
    db.cut()
    for (const frame of log) chat.accept(frame)
    expect(sent).toEqual(log)
  })

  test("[P4.1] what is only late is waited for: two that change places need no store either", async () => {
    await using scene = await openScene()
    const [one, two, three, ...others] = await converse(scene)
    const { chat, clock, sent, db } = fresh(scene, gated(scene.db))
    db.cut()
    for (const frame of [two, three, one, ...others]) if (frame) chat.accept(frame)
    await clock.advance(1000)
    expect(sent.length).toBe(others.length + 3)
  })

  test("[P4.1] while the store is away a gap stays open, and it is filled when the store is back", async () => {
    await using scene = await openScene()
    const log = await converse(scene)
    const { chat, clock, sent, db } = fresh(scene, gated(scene.db))
    const latest = log.at(-1)
    db.cut()
    if (latest) chat.accept(latest)
    await clock.advance(1000)
    expect(sent).toEqual([])
    db.mend()
    await clock.advance(50)
    await until(() => chat.top === log.length, "the gap to be filled")
    expect(sent).toEqual(log)
  })
})

test("[P4.1] followers of a lossy bus see the whole conversation while it happens", async () => {
  await using scene = await openScene()
  const { bot, bus, clock } = scene
  const follower = await scene.join()
  let count = 0
  bus.fate = (frame) => {
    if (!("seq" in frame)) return 1
    count += 1
    return count % 3 === 0 ? 0 : count % 4 === 0 ? 2 : count % 5 === 0 ? "held" : 1
  }
  for (let turn = 1; turn <= 8; turn++) {
    await scene.say(`${turn}`)
    const run = await bot.run()
    await run.say(`answer ${turn}`)
    run.done()
    await scene.published("end", turn)
    await clock.advance(60)
    bus.flush()
  }
  bus.fate = () => 1
  await scene.say("last")
  await clock.advance(60)
  await until(() => follower.seqs.length === 25, "all events")
  expect(follower.seqs).toEqual(Array.from({ length: 25 }, (_, place) => place + 1))
})

test("[P5.3] who joins while the bus is behind gets everything that the service knows, and the rest afterwards, once", async () => {
  await using scene = await openScene()
  const { bus, clock } = scene
  await scene.join()
  bus.fate = (frame) => ("seq" in frame ? "held" : 1)
  for (const text of ["one", "two", "three"]) await scene.say(text)
  const late = await scene.join({ cursor: 0 })
  const frames = bus.held.splice(0).reverse()
  for (const [session_id, frame] of frames) bus.deliver(session_id, frame)
  await clock.advance(60)
  await until(() => late.seqs.length === 3, "all events")
  expect(late.seqs).toEqual([1, 2, 3])
})

test("[P6.1] deltas that the bus loses, repeats or reorders: followers and late joiners have the whole text within a second or so", async () => {
  await using scene = await openScene()
  const { bot, bus, clock } = scene
  const follower = await scene.join()
  await scene.say("tell me")
  const run = await bot.run()
  let count = 0
  bus.fate = ({ type }) => {
    if (type !== "progress") return 1
    count += 1
    return count % 4 === 1 ? 0 : count % 4 === 2 ? "held" : count % 4 === 3 ? 2 : 1
  }
  let text = ""
  for (let word = 0; word < 40; word++) {
    text += `${word} 😀 `
    await run.say(`${word} 😀 `)
    await clock.advance(20)
    if (word % 10 === 9) bus.flush()
  }
  bus.fate = () => 1
  // A checkpoint, and a look at it.
  await clock.advance(1000)
  await until(() => streamed(follower.frames) === text, "the text of one who followed")
  const late = await scene.join()
  expect(streamed(late.frames)).toBe(text)
  run.done()
  await scene.published("end")
  expect(streamed(follower.frames)).toBe(text)
})

test("[P6.1] two deltas that change places need no store: the one that was ahead follows the one it waited for", async () => {
  await using scene = await openScene()
  const { bot, bus, clock, db } = scene
  const follower = await scene.join()
  await scene.say("tell me")
  const run = await bot.run()
  bus.fate = ({ type }) => (type === "progress" ? "held" : 1)
  for (const word of ["one ", "two ", "three"]) {
    await run.say(word)
    await clock.advance(20)
  }
  db.cut()
  for (const [session_id, frame] of bus.held.splice(0).reverse()) bus.deliver(session_id, frame)
  expect(streamed(follower.frames)).toBe("one two three")
  db.mend()
})

test("[P6.1] what a deposed instance still says of a turn that has ended is not passed on", async () => {
  await using scene = await openScene()
  const { bot, bus, session } = scene
  const follower = await scene.join()
  await scene.say("one")
  const run = await bot.run()
  await run.say("answer")
  run.done()
  await scene.published("end")
  const progress = bus.published.find(({ type }) => type === "progress")
  if (!progress) throw new Error("nothing was streamed")
  const before = follower.frames.length
  bus.publish(session.id, progress)
  expect(follower.frames.length).toBe(before)
  expect((await scene.join()).frames.some(({ type }) => type === "progress")).toBe(false)
})
