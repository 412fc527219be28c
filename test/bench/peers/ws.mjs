// The library that most Node servers stand on, with a loop over its clients.
import { WebSocketServer } from "ws"
import { answerQuestions } from "./answer.mjs"

const server = new WebSocketServer({ host: "127.0.0.1", port: 0 })
await new Promise((resolve) => server.on("listening", resolve))

answerQuestions(
  { url: `ws://127.0.0.1:${server.address().port}`, token: "" },
  {
    stop: () => server.close(),
    async speak({ bursts, size, every, text }) {
      for (let burst = 0; burst < bursts; burst++) {
        for (let n = 0; n < size; n++) for (const client of server.clients) client.send(text)
        await new Promise((resolve) => setTimeout(resolve, every))
      }
    },
  },
)
