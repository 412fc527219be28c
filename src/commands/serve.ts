// The service from its start to its end, as main.ts begins it.
import { loadConfig, unknownVariables } from "../config.ts"
import { openLog } from "../log.ts"
import { startServer } from "../server.ts"
import { fail, startUpText } from "./start-up.ts"

/** Starts the service and stops it when asked to. `ready` is called once, when it is there. */
export async function serve(ready: () => void): Promise<void> {
  try {
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
    ready()
    // Last: whoever reads that it is ready may stop it in the next moment.
    process.stdout.write(startUpText(server, config))
  } catch (error) {
    fail(error)
  }
}
