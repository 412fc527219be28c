// What the client says about the session: as the service told at the join, and then as the events add up.
import { describe, expect, test } from "bun:test"
import type { Message } from "../../src/protocol/message.ts"
import type { Status } from "../../src/protocol/server-frame.ts"
import type { Question } from "../../src/protocol/turn.ts"
import { inputId, joined, over, replayed, said, session, status, turnId } from "./frames.ts"
import { Scene } from "./scene.ts"

const question: Question = {
  ...{ input_id: inputId(1), turn_id: turnId(1), prompt: "Which one?", fields: [], expires_at: null },
  create_time: "2026-01-01T00:00:00.000Z",
}
const answer: Message["parts"] = [{ type: "input", input_id: inputId(1), answer: "this one" }]
const numbered = (seq: number, data: Partial<Status>) => ({ ...status("t", data), seq })
const brief = ({ chat }: Scene) => [
  chat.session?.state,
  chat.turns.map(({ turn_id, state }) => [turn_id, state]),
  chat.question?.prompt ?? null,
]

describe("the session's state", () => {
  test("[P4.4, P6.3, P6.7] follows messages and ends: running, in line, waiting for an answer, answered, over", async () => {
    await using scene = new Scene({ cursor: 0 })
    const line = await scene.join()
    line.say(said(1, { turn_id: turnId(1) }), said(2, { turn_id: turnId(2) }))
    await scene.when("message", ({ seq }) => seq === 2)
    const [first, second, third] = [turnId(1), turnId(2), turnId(3)]
    expect(brief(scene)).toEqual([
      "running",
      [
        [first, "running"],
        [second, "queued"],
      ],
      null,
    ])
    line.say(over(3, 1, { state: "waiting_input", reason: "question", question }))
    await scene.when("end")
    expect(brief(scene)).toEqual(["running", [[second, "running"]], "Which one?"])
    line.say(over(4, 2))
    await scene.when("end")
    expect(brief(scene)).toEqual(["waiting_input", [], "Which one?"])
    line.say(said(5, { turn_id: third, parts: answer }))
    await scene.when("message")
    expect(brief(scene)).toEqual(["running", [[third, "running"]], null])
    line.say(over(6, 3, { state: "failed", reason: "model_failed" }))
    await scene.when("end")
    expect(brief(scene)).toEqual(["interrupted", [], null])
    expect(scene.chat.session?.last_seq).toBe(6)
  })

  test("[P5.2, P5.3] told at the join, it is not undone by the replay of what led to it", async () => {
    await using scene = new Scene({ cursor: 0 })
    const line = await scene.server.next()
    await line.next("start")
    const now = { ...session, state: "completed" as const, topic: "new", last_seq: 4 }
    line.say(
      joined({ top: 4, session: now }),
      said(1, { turn_id: turnId(1) }),
      numbered(2, { state: "running", topic: "old", changed: ["topic"] }),
      over(3, 1, { state: "waiting_input", reason: "question", question }),
      said(4, { parts: [] }), // the answer, deleted since
      replayed(4),
    )
    await scene.chat.ready()
    expect(brief(scene)).toEqual(["completed", [], null])
    expect(scene.chat.session?.topic).toBe("new")
  })

  test("[P4.1] takes of a `status` event what it says has changed: the rest may be older than the events before it", async () => {
    await using scene = new Scene({ cursor: 0 })
    const line = await scene.join()
    line.say(said(1, { turn_id: turnId(1) }), numbered(2, { topic: "named", changed: ["topic"] }))
    await scene.when("status")
    expect(brief(scene)).toEqual(["running", [[turnId(1), "running"]], null])
    expect(scene.chat.session?.topic).toBe("named")
  })

  test("[P6.14] a question whose time is over is gone, and the session rests", async () => {
    await using scene = new Scene({ cursor: 0 })
    const line = await scene.join()
    const asks = over(2, 1, { state: "waiting_input", reason: "question", question })
    line.say(said(1, { turn_id: turnId(1) }), asks, numbered(3, { changed: ["question", "state"] }))
    await scene.when("status")
    expect(brief(scene)).toEqual(["completed", [], null])
  })

  test("[P6.11] counts what is thought of the answers as the events say", async () => {
    await using scene = new Scene({ cursor: 0 })
    const line = await scene.join()
    const counters = { likes: 1, dislikes: 2, copies: 3 }
    line.say(said(1, { turn_id: null }), numbered(2, { changed: ["messages"], counters }))
    await scene.when("status")
    expect(scene.chat.session).toMatchObject(counters)
  })

  test("[P6.8] takes the lifecycle alone of a status that nobody here asked for: another instance may know less", async () => {
    await using scene = new Scene({ cursor: 0 })
    const line = await scene.join()
    line.say(said(1, { turn_id: turnId(1) }), status("of another", { lifecycle: "paused" }))
    await scene.when("status")
    expect(brief(scene)).toEqual(["running", [[turnId(1), "running"]], null])
    expect(scene.chat.session?.lifecycle).toBe("paused")
  })
})
