// What changes something over REST is limited as it is over a socket.
import { expect, test } from "bun:test"
import { insertMessages, insertSession } from "./rows.ts"
import { testApp, testClock } from "./support.ts"

test("[P7.6] who changes things too fast over REST is told to wait, alone, and may read meanwhile", async () => {
  let now = testClock.now()
  const clock = { ...testClock, now: () => now }
  await using app = await testApp({ clock, chat: { rate_limit: 2, rate_burst: 3 } })
  const session = await insertSession(app.db)
  const other = await insertSession(app.db, { user_id: 2 })
  const rename = (chat_id: string, user = 1) =>
    app.ask("PUT", `/chat/session/${chat_id}`, { user, body: { topic: "named" } })
  for (let time = 0; time < 3; time++) expect((await rename(session.chat_id)).status).toBe(200)
  const [answer] = await insertMessages(app.db, session, 1, () => ({ is_bot: true }))
  const feedback = { chat_id: session.chat_id, message_id: answer?.id, liked: 1 }
  const refused = await app.ask("POST", "/chat/message/feedback", { body: feedback })
  expect(refused).toMatchObject({ status: 429, body: { data: { code: "rate_limited", retry: true } } })
  expect(refused.headers.get("Retry-After")).toBe("1")
  expect((await app.ask("GET", `/chat/session/${session.chat_id}`)).status).toBe(200)
  expect((await rename(other.chat_id, 2)).status).toBe(200)
  now += 2000
  expect((await rename(session.chat_id)).status).toBe(200)
})
