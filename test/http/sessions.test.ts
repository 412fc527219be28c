import { expect, test } from "bun:test"
import { eq } from "drizzle-orm"
import { sessions } from "../../src/store/schema.ts"
import { idOf, insertSession, insertTurn, minute } from "./rows.ts"
import { testApp } from "./support.ts"

test("a session is created, and its answer is 201 with the row", async () => {
  await using app = await testApp()
  const client = await app.clientOf(1)
  const response = await client.chat.session.create.$post({
    query: {},
    json: { flow_id: "default", chat_id: "mine", topic: "Tea" },
  })
  expect(response.status).toBe(201)
  const { status_code, status_message, data } = await response.json()
  expect([status_code, status_message]).toEqual([201, "success"])
  expect(data).toMatchObject({
    user_id: 1,
    chat_id: "mine",
    flow_id: "default",
    chat_type: "NORMAL",
    topic: "Tea",
    logo: null,
  })
  expect(await app.db.orm.select().from(sessions)).toEqual([data])
})
