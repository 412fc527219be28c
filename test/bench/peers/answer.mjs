// What every process under measure answers over IPC, on Bun and on Node: what it has used, and when it has done its part.

/**
 * @param {{ url: string, token: string }} ready
 * @param {Record<string, (request: any) => unknown>} acts each a request's name; `stop` ends the process after it
 */
export function answerQuestions(ready, acts) {
  process.on("message", async (request) => {
    if (request.ask === "usage") {
      // What is no longer needed is not memory of what is measured; pages go back to the system some time after it.
      for (let n = 0; request.gc && globalThis.Bun && n < 5; n++) {
        Bun.gc(true)
        await new Promise((resolve) => setTimeout(resolve, 500))
      }
      const { user, system } = process.cpuUsage()
      process.send({ cpu_us: user + system, rss: process.memoryUsage.rss() })
      return
    }
    const done = await acts[request.ask]?.(request)
    process.send({ done })
    if (request.ask === "stop") setTimeout(() => process.exit(0), 10)
  })
  // Whoever measured is gone.
  process.on("disconnect", () => process.exit(0))
  process.send(ready)
}
