// Many devices speak into one busy chat at once, each with its own policy: all that is not refused by rule is taken.
import { expect, test } from "bun:test"
import { scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer } from "../support/server.ts"

test("[P6.3] `latest`, `interrupt` and `merge` are taken however fast the line of turns moves on", async () => {
  const bot = scriptedHandler()
  await using server = await startTestServer({
    handlers: { bot: bot.handler },
    env: { CHAT_MAX_QUEUED_TURNS: "1000" },
  })
  const policies = ["enqueue", "latest", "interrupt", "merge"] as const
  const devices = await Promise.all(policies.map(() => server.connect({ chat: "c" })))
  await Promise.all(devices.map((device) => device.join()))
  const answers = await Promise.all(
    policies.flatMap((policy, at) =>
      Array.from({ length: 20 }, (_, n) =>
        devices[at]?.ask({
          type: "message",
          data: { kind: "text", text: `${policy} ${n}`, policy },
          id: `${policy}-${n}`,
        }),
      ),
    ),
  )
  const refused = answers.flatMap((answer, at) =>
    answer?.type === "error" ? [`${policies[Math.floor(at / 20)]}: ${answer.data.code}`] : [],
  )
  expect(refused).toEqual([])
})
