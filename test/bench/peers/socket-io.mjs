// Socket.IO with connection state recovery, the nearest it has to a log: on Node, or on Bun with the engine made for it.
import { createServer } from "node:http"
import { Server } from "socket.io"
import { answerQuestions } from "./answer.mjs"

const io = new Server({ connectionStateRecovery: {}, transports: ["websocket"] })
io.on("connection", (socket) => void socket.join("all"))
const port = await listen()

answerQuestions(
  { url: `ws://127.0.0.1:${port}`, token: "" },
  {
    stop: () => undefined,
    async speak({ bursts, size, every, text }) {
      for (let burst = 0; burst < bursts; burst++) {
        for (let n = 0; n < size; n++) io.to("all").emit("event", text)
        await new Promise((resolve) => setTimeout(resolve, every))
      }
    },
  },
)

async function listen() {
  if (globalThis.Bun) {
    const { Server: Engine } = await import("@socket.io/bun-engine")
    const engine = new Engine({ path: "/socket.io/" })
    io.bind(engine)
    return Bun.serve({ hostname: "127.0.0.1", port: 0, ...engine.handler() }).port
  }
  const server = createServer()
  io.attach(server)
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve))
  return server.address().port
}
