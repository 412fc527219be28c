// Starts the service and stops it when asked to. The only file that acts on being imported, besides commands/.
import "./run-once.ts"
import { fail, startUpText } from "./commands/start-up.ts"
import { loadConfig, unknownVariables } from "./config.ts"
import { openLog } from "./log.ts"
import { startServer } from "./server.ts"

void start().catch(fail)

// A function, since a build with bytecode knows no await outside of one (Bun 1.4.5).
async function start(): Promise<void> {
  const config = loadConfig()
  const log = await openLog(config.log_level)
  for (const name of unknownVariables()) log.warn({ name }, "this environment variable means nothing here")
  // Where a plug-in does something beside its run, what goes wrong there is nobody's. The chats of others go on.
  const hint = "most likely a plug-in does something that its run does not wait for: see `err.stack`"
  process.on("unhandledRejection", (err) => log.error({ err, hint }, "a promise was rejected and nobody looked"))
  process.on("uncaughtException", (err) => log.error({ err, hint }, "something was thrown and nobody caught it"))
  const server = await startServer(config, log)
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    // Asked twice (Ctrl-C reaches both bun and the script it runs), it still takes its time to stop well.
    process.on(signal, () => void server.stop().then(() => process.exit(0), fail))
  }
  Bun.unsafe.setJITPolicy(1)
  // Last: whoever reads that it is ready may stop it in the next moment.
  process.stdout.write(startUpText(server, config))
}
