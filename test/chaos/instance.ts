// An instance of the service under chaos: src/main.ts with the chaos bot, a bus that can be told to lose, and, when it is
// to be proved that the checker sees it, a sabotage.
import { startUpText } from "../../src/commands/start-up.ts"
import { loadConfig } from "../../src/config.ts"
import { openLog } from "../../src/log.ts"
import { startServer } from "../../src/server.ts"
import { seeded } from "../support/random.ts"
import { chaosBot, resumableBot } from "./bots.ts"
import { type Losses, lossyBus } from "./lossy-bus.ts"
import { ackBeforeCommit } from "./sabotage.ts"

const config = loadConfig()
const log = await openLog(config.log_level)
process.on("unhandledRejection", (error) => log.error({ err: error }, "a promise was rejected and nobody looked"))
const losses: Losses = { rate: 0 }
process.on("message", ({ rate }: Losses) => {
  losses.rate = rate
})
const flow = (flow_id: string, handler: string) => ({ flow_id, handler, chat_type: "NORMAL" as const, options: {} })
const flows = [flow("resumable", "resumable"), flow("*", "chaos")]
const server = await startServer({ ...config, flows }, log, {
  handlers: { chaos: chaosBot, resumable: resumableBot },
  bus: (real) => lossyBus(real, losses, seeded(config.port)),
  database: (real) => (Bun.env.SABOTAGE === "ack_before_commit" ? ackBeforeCommit(real, 300) : real),
})
process.stdout.write(startUpText(server, config))
// Whoever started it is gone: nothing may stay behind.
process.on("disconnect", () => process.exit(1))
process.on("SIGTERM", () => void server.stop().then(() => process.exit(0)))
