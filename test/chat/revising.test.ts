// Messages that were edited while they waited, and answers that meet a busy chat.
import { expect, test } from "bun:test"
import { messageOf, openScene, type Scene, type TestFollower, user } from "./scene.ts"

const tell = ({ manager, session }: Scene, data: Parameters<typeof messageOf>[0]) =>
  manager.handleMessage(session.id, messageOf(data), { principal: user, language: "en", trace_id: "t-tell" })

const lastSaid = ({ frames }: TestFollower): string => {
  const last = frames.findLast(({ type }) => type === "message")
  return last?.type === "message" ? last.data.id : ""
}

const file = { kind: "file" as const, files: [{ name: "a", url: "https://example.com/a", mime_type: "text/plain" }] }

/** The bot asked, and works on something else now. */
async function askedAndBusy(scene: Scene) {
  await scene.say("one")
  const one = await scene.bot.run()
  void one.yield({ type: "question", prompt: "why?" })
  await scene.published("end")
  await tell(scene, file)
  return scene.bot.run()
}

test("[P4.3] the text that a deleted message had got while it waited is not replayed", async () => {
  await using scene = await openScene()
  const follower = await scene.join()
  await scene.say("one")
  await scene.say("two")
  await tell(scene, { kind: "edit", message_id: lastSaid(follower), text: "my secret" })
  await scene.manager.deleteMessages(user, scene.session, [lastSaid(follower)], "t-delete")
  const late = await scene.join({ cursor: 0 })
  expect(late.seqs).toEqual([1, 2, 3, 4])
  expect(JSON.stringify(late.frames)).not.toContain("my secret")
})

test("[P4.3] nor is it when its turn has been answered since", async () => {
  await using scene = await openScene()
  const follower = await scene.join()
  await scene.say("one")
  const one = await scene.bot.run()
  await scene.say("two")
  const message_id = lastSaid(follower)
  await tell(scene, { kind: "edit", message_id, text: "my secret" })
  one.done()
  const two = await scene.bot.run()
  await two.say("answer")
  two.done()
  await scene.published("end", 2)
  await scene.manager.deleteMessages(user, scene.session, [message_id], "t-delete")
  expect(JSON.stringify((await scene.join({ cursor: 0 })).frames)).not.toContain("my secret")
})

test("[P6.10] an answer to a question that is edited while it waits reaches the bot as its answer", async () => {
  await using scene = await openScene()
  const follower = await scene.join()
  const busy = await askedAndBusy(scene)
  await scene.say("old")
  await tell(scene, { kind: "edit", message_id: lastSaid(follower), text: "new" })
  busy.done()
  const answered = await scene.bot.run()
  expect(answered.context.message).toMatchObject({ message: "new", parts: [{ type: "input", answer: "new" }] })
  answered.done()
})

test("[P6.7] an answer that the line of turns refuses is not told that the question is closed", async () => {
  await using scene = await openScene({ CHAT_MAX_QUEUED_TURNS: "1" })
  await scene.join()
  const busy = await askedAndBusy(scene)
  const answer = (policy: "reject" | "enqueue") =>
    tell(scene, { kind: "input", answer: "so", policy }).catch((error: unknown) => error)
  expect(await answer("reject")).toMatchObject({ code: "busy" })
  await tell(scene, file)
  expect(await answer("enqueue")).toMatchObject({ code: "queue_full" })
  busy.done()
  const next = await scene.bot.run()
  expect(await answer("enqueue")).toMatchObject({ dup: false })
  expect(await answer("enqueue")).toMatchObject({ code: "no_question" })
  next.done()
})
