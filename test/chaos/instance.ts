// An instance of the service under chaos: src/main.ts with the chaos bot, a bus that can be told to lose, and, when it is
// to be proved that the checker sees it, a sabotage.
import { startUpText } from "../../src/commands/start-up.ts"
import { loadConfig } from "../../src/config.ts"
import { openLog } from "../../src/log.ts"
import { startServer } from "../../src/server.ts"
import { seeded } from "../support/random.ts"
import { chaosBot } from "./bots.ts"
import { type Losses, lossyBus } from "./lossy-bus.ts"
import { ackBeforeCommit } from "./sabotage.ts"

const config = loadConfig()
const log = await openLog(config.log_level)
process.on("unhandledRejection", (error) => log.error({ err: error }, "a promise was rejected and nobody looked"))
const losses: Losses = { rate: 0 }
process.on("message", ({ rate }: Losses) => {
  losses.rate = rate
})
const server = await startServer(
  { ...config, flows: [{ flow_id: "*", chat_type: "NORMAL", handler: "chaos", options: {} }] },
  log,
  {
    handlers: { chaos: chaosBot },
    bus: (real) => lossyBus(real, losses, seeded(config.port)),
    database: (real) => (Bun.env.SABOTAGE === "ack_before_commit" ? ackBeforeCommit(real, 300) : real),
  },
)
process.stdout.write(startUpText(server, config))
process.on("SIGTERM", () => void server.stop().then(() => process.exit(0)))
