// A client written from PROTOCOL.md alone, with nothing but Node and the stock `ws` library: proof that the page suffices.
//
//     node client.mjs ws://host:port/chat/<flow_id> <token> <chat_id> [text]
//
// Joins, says the text, cuts its own connection in the middle of the answer, comes back with its cursor, and prints as
// JSON what it saw: each durable event once, the text as it was put together from pieces, and the text of the result.
// On standard error it says `joined` and `cut` when it is.
import { randomUUID } from "node:crypto"
import WebSocket from "ws"

const [address, token, chat_id, text = "Tell me a story about a service that loses nothing."] = process.argv.slice(2)
if (!address || !token || !chat_id) {
  process.stderr.write("usage: node client.mjs ws://host:port/chat/<flow_id> <token> <chat_id> [text]\n")
  process.exit(2)
}

const url = new URL(address)
url.searchParams.set("chat_id", chat_id)

const id = randomUUID()
const saw = { joins: [], acks: [], events: [], dropped: 0, gaps: 0, pieces: [], streamed: "", result: null, end: null }
/** message_id -> text so far (P6.1). */
const texts = new Map()
let cursor = 0
let epoch
let turn_id
let answer_id
let cut = false

const deadline = setTimeout(() => {
  process.stderr.write(`no end after 30 s; saw ${JSON.stringify(saw)}\n`)
  process.exit(1)
}, 30_000)

connect()

function connect() {
  const socket = new WebSocket(url, { headers: { Authorization: `Bearer ${token}` } })
  const say = (type, data, more = {}) => socket.send(JSON.stringify({ type, data, trace_id: id, ...more }))
  const ask = () => say("start", { cursor, ...(epoch && { epoch }), offsets: offsets() })
  socket.on("open", ask)
  socket.on("message", (bytes) => {
    const frame = JSON.parse(bytes.toString())
    if (frame.seq !== undefined) take(frame, ask)
    else momentary(frame, say, ask)
    if (frame.type === "progress" && !cut && texts.get(frame.data.message_id)?.length > 0) {
      cut = true
      process.stderr.write("cut\n")
      socket.terminate()
    }
    if (saw.end) {
      clearTimeout(deadline)
      socket.close(1000)
    }
  })
  // A close always follows.
  socket.on("error", () => {})
  socket.on("close", (code) => {
    if (saw.end) return print()
    if (code >= 4500 || code === 1000 || code === 1009) fail(`closed with ${code}`)
    setTimeout(connect, 50 + Math.random() * 200)
  })
}

/** A durable event: each once, in order (P5.8). */
function take({ type, seq, data }, ask) {
  if (seq <= cursor) {
    saw.dropped += 1
    return
  }
  if (seq > cursor + 1) {
    saw.gaps += 1
    ask()
    return
  }
  cursor = seq
  saw.events.push({ seq, type, id: data.id ?? data.turn_id ?? null })
  if (type === "message" && data.client_id === id) turn_id = data.turn_id
  if (type === "result" && data.turn_id === turn_id) {
    answer_id = data.id
    saw.result = data.message
  }
  if (type === "end" && data.turn_id === turn_id) saw.end = data
}

function momentary({ type, data }, say, ask) {
  if (type === "start" && data.replayed === undefined) {
    saw.joins.push({ recovered: data.recovered, from: data.from, top: data.top })
    epoch = data.epoch
    if (!data.recovered) cursor = data.top
  }
  // Said again, with the same id, until it is acked (P3.3).
  if (type === "start" && data.replayed !== undefined && saw.acks.length === 0) {
    say("message", { kind: "text", text }, { id })
  }
  if (type === "start" && data.replayed !== undefined) process.stderr.write("joined\n")
  if (type === "ack" && data.id === id) saw.acks.push({ seq: data.seq, dup: data.dup })
  if (type === "error") fail(`${data.code}: ${data.message}`)
  if (type === "ping") say("pong", {})
  if (type === "progress" && data.kind === "text") {
    const have = texts.get(data.message_id) ?? ""
    if (data.offset > have.length) {
      saw.gaps += 1
      ask()
      return
    }
    saw.pieces.push({ offset: data.offset, had: have.length })
    texts.set(data.message_id, have + data.text.slice(have.length - data.offset))
  }
}

function offsets() {
  return Object.fromEntries([...texts].map(([message_id, { length }]) => [message_id, length]))
}

function print() {
  saw.streamed = texts.get(answer_id) ?? ""
  process.stdout.write(`${JSON.stringify(saw, null, 2)}\n`)
}

function fail(why) {
  process.stderr.write(`${why}\n`)
  process.exit(1)
}
