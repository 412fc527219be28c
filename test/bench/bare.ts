// The limit: a Bun socket server that does nothing but publish what it is told to one topic.
const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch: (request, bun) => (bun.upgrade(request) ? undefined : new Response("bare")),
  websocket: {
    open: (ws) => void ws.subscribe("all"),
    message: () => undefined,
  },
})

process.on("message", async (request: { speak: number; text: string } | "usage" | "stop") => {
  if (request === "usage") {
    const { user, system } = process.cpuUsage()
    process.send?.({ cpu_us: user + system, rss: process.memoryUsage.rss() })
  } else if (request === "stop") {
    await server.stop(true)
    process.exit(0)
  } else {
    for (let said = 0; said < request.speak; said++) {
      server.publish("all", request.text, false)
      // As the service does: each event in a turn of the loop of its own.
      await new Promise((resolve) => setImmediate(resolve))
    }
    process.send?.({ done: true })
  }
})
process.send?.({ url: `ws://127.0.0.1:${server.port}`, token: "" })
