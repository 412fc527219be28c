// The service as a process of its own, for measuring: the parent asks over IPC, the answers carry this process's CPU.

import { z } from "zod"
import { resolveSecret } from "../../src/auth/secret.ts"
import { issueToken } from "../../src/auth/token.ts"
import { systemClock } from "../../src/clock.ts"
import { loadConfig } from "../../src/config.ts"
import { defineHandler } from "../../src/handlers/handler.ts"
import { silentLog } from "../../src/log.ts"
import { startServer } from "../../src/server.ts"

const quiet = defineHandler({
  name: "quiet",
  description: "answers at once with one word",
  options: z.looseObject({}),
  async *run() {
    yield { type: "text", text: "ok" }
  },
})

const config = loadConfig()
const server = await startServer(config, silentLog, { handlers: { quiet } })
const token = await issueToken(await resolveSecret(config), { user_id: 1, role: "user", ttl_s: 3600 }, systemClock)

process.on("message", async (request: { speak: number; text: string } | "usage" | "stop") => {
  if (request === "usage") process.send?.({ cpu_us: total(process.cpuUsage()), rss: process.memoryUsage.rss() })
  else if (request === "stop") await server.stop().then(() => process.exit(0))
  else {
    const [active] = server.manager.getActiveSessions()
    for (let said = 0; active && said < request.speak; said++) {
      await server.manager.sendMessage(active.session.id, request.text, "bench")
    }
    process.send?.({ done: true })
  }
})
process.send?.({ url: server.url.replace(/^http/, "ws"), token })

function total({ user, system }: NodeJS.CpuUsage): number {
  return user + system
}
