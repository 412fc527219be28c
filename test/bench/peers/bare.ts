// The limit: a Bun socket server that does nothing but publish what it is told.
import { inBursts, stamped } from "../pace.ts"
import { answerQuestions } from "./answer.mjs"

const server = Bun.serve<{ topic: string }>({
  hostname: "127.0.0.1",
  port: 0,
  fetch(request, bun) {
    const data = { topic: new URL(request.url).searchParams.get("topic") ?? "all" }
    return bun.upgrade(request, { data }) ? undefined : new Response("bare")
  },
  websocket: {
    data: { topic: "" },
    open: (ws) => void ws.subscribe(ws.data.topic),
    message: () => undefined,
  },
})

answerQuestions(
  { url: `ws://127.0.0.1:${server.port}`, token: "" },
  {
    stop: () => server.stop(true),
    speak: ({ bursts, size, every, text }: { bursts: number; size: number; every: number; text: string }) =>
      inBursts(bursts, size, every, () => server.publish("all", text, false)),
    /** Frames of the service's shape, from the service's source. */
    async stream({ topics, count, every }: { topics: number; count: number; every: number }) {
      const id = "0".repeat(32)
      const one = async (number: number) => {
        let offset = 0
        for await (const text of stamped(count, every)) {
          const data = { kind: "text", turn_id: `trn_${id}`, message_id: `msg_${id}`, offset, text }
          const frame = { type: "progress", data, trace_id: "bench", chat_id: `stream-${number}` }
          server.publish(`t${number}`, JSON.stringify(frame), false)
          offset += text.length
        }
      }
      await Promise.all(Array.from({ length: topics }, (_, number) => one(number)))
    },
  },
)
