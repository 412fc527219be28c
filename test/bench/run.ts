// bun run bench: measures the service next to its limit in the same run; a table for people, JSON with --json.
// Ratios are what counts: machines differ, and the load comes from the same cores.
import { cpus } from "node:os"
import { type Measured, startMeasured } from "./process.ts"

const json = Bun.argv.includes("--json")
const open = {
  CHAT_RATE_LIMIT: "1000000",
  CHAT_RATE_BURST: "1000000",
  CHAT_MAX_CONNECTIONS_PER_USER: "100000",
  CHAT_NEW_CHATS_BURST: "100000",
  CHAT_MAX_CHATS_PER_USER: "100000",
  CHAT_CONFIG: `${import.meta.dir}/flows.yaml`,
}

const rows = [await fanOut(1000, 200), await acked(100, 200), await firstDelta(300)].flat()
if (json) process.stdout.write(`${JSON.stringify({ bun: Bun.version, cores: cpus().length, rows }, null, 2)}\n`)
else
  for (const { measure, value, unit } of rows)
    process.stdout.write(`${measure.padEnd(62)} ${String(value).padStart(10)} ${unit}\n`)
process.exit(0)

interface Row {
  readonly measure: string
  readonly value: number
  readonly unit: string
}

/** One chat, many sockets, events of 200 bytes: CPU of the server process for each delivery. */
async function fanOut(sockets: number, events: number): Promise<Row[]> {
  const measure = async (server: Measured, path: string) => {
    let received = 0
    const all = Promise.withResolvers<void>()
    const clients = await Promise.all(Array.from({ length: sockets }, () => connect(server, path)))
    for (const client of clients) {
      client.addEventListener("message", ({ data }) => {
        if (!String(data).includes("xxxxxxxx")) return
        received += 1
        if (received === sockets * events) all.resolve()
      })
    }
    await Promise.all(clients.map((client) => joined(client, path)))
    const before = await server.usage()
    await server.speak(events, "x".repeat(200))
    await all.promise
    const after = await server.usage()
    for (const client of clients) client.close()
    return (after.cpu_us - before.cpu_us) / (sockets * events)
  }
  await using bare = await startMeasured("bare.ts")
  const limit = await measure(bare, "/")
  await using service = await startMeasured("server.ts", open)
  const ours = await measure(service, "/chat/bench?chat_id=fan-out")
  return [
    { measure: `fan-out, 1 chat x ${sockets} sockets: durable event`, value: round(ours), unit: "us CPU/delivery" },
    { measure: "  the same, bare Bun publish of 200 bytes", value: round(limit), unit: "us CPU/delivery" },
    { measure: "  ratio", value: round(ours / limit), unit: "x" },
  ]
}

/** Many chats, each with one message under way at a time: stored, acked, and answered by a bot that says one word. */
async function acked(sockets: number, each: number): Promise<Row[]> {
  await using service = await startMeasured("server.ts", open)
  const clients = await Promise.all(
    Array.from({ length: sockets }, (_, number) => connect(service, `/chat/bench?chat_id=ack-${number}`)),
  )
  await Promise.all(clients.map((client) => joined(client, "/chat")))
  const times: number[] = []
  const start = performance.now()
  await Promise.all(clients.map((client) => talk(client, each, "end", times)))
  const seconds = (performance.now() - start) / 1000
  for (const client of clients) client.close()
  return [
    {
      measure: `${sockets} chats: whole turns (message, answer, end), file, FULL`,
      value: round((sockets * each) / seconds),
      unit: "turns/s",
    },
    { measure: "  until the ack of the message, p50", value: round(quantile(times, 0.5)), unit: "ms" },
    { measure: "  until the ack of the message, p99", value: round(quantile(times, 0.99)), unit: "ms" },
  ]
}

/** One chat that nobody else disturbs: from the question to the first word. */
async function firstDelta(turns: number): Promise<Row[]> {
  await using service = await startMeasured("server.ts", open)
  const client = await connect(service, "/chat/bench?chat_id=first")
  await joined(client, "/chat")
  const times: number[] = []
  await talk(client, turns, "end", times, "progress")
  client.close()
  return [{ measure: "question to first word, one chat, p50", value: round(quantile(times, 0.5)), unit: "ms" }]
}

async function connect(server: Measured, path: string): Promise<WebSocket> {
  const socket = new WebSocket(`${server.url}${path}`, server.token ? ["bearer", server.token] : [])
  await new Promise((resolve, reject) => {
    socket.addEventListener("open", resolve, { once: true })
    socket.addEventListener("error", () => reject(new Error(`no connection to ${server.url}`)), { once: true })
  })
  return socket
}

/** The bare server needs no join. */
function joined(socket: WebSocket, path: string): Promise<void> {
  if (!path.startsWith("/chat")) return Promise.resolve()
  return new Promise((resolve) => {
    const listen = ({ data }: MessageEvent) => {
      if (!String(data).includes('"replayed"')) return
      socket.removeEventListener("message", listen)
      resolve()
    }
    socket.addEventListener("message", listen)
    socket.send('{"type":"start","data":{}}')
  })
}

/** Sends a message, waits for `until`, sends the next; notes how long `noted` took. */
function talk(socket: WebSocket, count: number, until: string, times: number[], noted = "ack"): Promise<void> {
  return new Promise((resolve) => {
    let said = 0
    let sentAt = 0
    let seen = false
    const say = () => {
      said += 1
      seen = false
      sentAt = performance.now()
      socket.send(
        JSON.stringify({
          type: "message",
          data: { text: "a question of some length, as people ask them" },
          id: `m${said}`,
        }),
      )
    }
    socket.addEventListener("message", ({ data }) => {
      const { type } = JSON.parse(String(data)) as { type: string }
      if (type === noted && !seen) {
        seen = true
        times.push(performance.now() - sentAt)
      }
      if (type !== until) return
      if (said === count) resolve()
      else say()
    })
    say()
  })
}

function quantile(values: number[], q: number): number {
  return values.sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))] ?? 0
}

function round(value: number): number {
  return Number(value.toPrecision(3))
}
