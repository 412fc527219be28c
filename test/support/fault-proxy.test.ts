// The wire does what it is told, else no fault of a chaos run would mean anything.
import { expect, test } from "bun:test"
import { once } from "node:events"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"
import { type Fault, FaultProxy } from "./fault-proxy.ts"
import { until } from "./until.ts"

/** A service that sends back what it gets, behind a proxy, and a client of it. */
async function scene(fault: Fault | null = null) {
  const heard: string[] = []
  const service = createServer((socket) => {
    socket.on("error", () => undefined)
    socket.on("data", (bytes) => {
      heard.push(String(bytes))
      socket.write(bytes)
    })
  })
  await new Promise<void>((resolve) => service.listen(0, "127.0.0.1", resolve))
  const proxy = await FaultProxy.to(`http://127.0.0.1:${(service.address() as AddressInfo).port}`)
  proxy.set(fault)
  const client = await visitor(proxy)
  return {
    ...{ proxy, heard, client },
    [Symbol.dispose]() {
      client.socket.destroy()
      proxy[Symbol.dispose]()
      service.close()
    },
  }
}

interface Visitor {
  readonly socket: Socket
  said: string
  /** How it ended; null: it is open. */
  ended: string | null
}

async function visitor(proxy: FaultProxy): Promise<Visitor> {
  const { hostname, port } = new URL(`http://${proxy.address}`)
  const socket = connect(Number(port), hostname)
  const visitor: Visitor = { socket, said: "", ended: null }
  socket.on("data", (bytes) => {
    visitor.said += String(bytes)
  })
  socket.on("error", (error) => {
    visitor.ended = "code" in error ? String(error.code) : error.message
  })
  socket.on("close", () => {
    visitor.ended ??= "closed"
  })
  await once(socket, "connect")
  return visitor
}

test("without a fault bytes pass both ways, and so does the end", async () => {
  using it = await scene()
  it.client.socket.write("hello")
  await until(() => it.client.said === "hello", "the echo")
  it.client.socket.end()
  await until(() => it.client.ended === "closed" && it.proxy.wires.size === 0, "the end")
})

test("latency: bytes come later, in their order, also when it ends in between", async () => {
  using it = await scene({ kind: "latency", ms: 60 })
  const began = performance.now()
  it.client.socket.write("one ")
  await until(() => it.proxy.wires.size === 1 && it.heard.length === 0, "the wire")
  it.client.socket.write("two ")
  await until(() => it.heard.join("") === "one two ", "both")
  it.proxy.set(null)
  it.client.socket.write("three")
  await until(() => it.client.said === "one two three", "the echo")
  expect(performance.now() - began).toBeGreaterThanOrEqual(55)
})

test("a black hole takes bytes and passes none; healed, what lost bytes is reset, and new connections work", async () => {
  using it = await scene({ kind: "black_hole" })
  it.client.socket.write("lost")
  const other = await visitor(it.proxy)
  other.socket.write("lost too")
  await until(() => it.proxy.count.bytes === 12, "the loss")
  it.proxy.wires.values().next().value?.set(null)
  await until(() => it.client.ended === "ECONNRESET", "the reset of the one that was healed alone")
  expect(it.heard).toEqual([])
  expect(other.ended).toBeNull()
  it.proxy.set(null)
  await until(() => other.ended === "ECONNRESET", "the reset of the other")
  const late = await visitor(it.proxy)
  late.socket.write("hello")
  await until(() => late.said === "hello", "the echo")
})

test("half open: the service hears the client, which hears nothing", async () => {
  using it = await scene({ kind: "half_open", dead: "down" })
  it.client.socket.write("hello")
  await until(() => it.heard.join("") === "hello", "the service")
  expect(it.client.said).toBe("")
  expect(it.client.ended).toBeNull()
})

test("half open the other way: the service does not hear that the client has gone", async () => {
  using it = await scene({ kind: "half_open", dead: "up" })
  it.client.socket.write("hello")
  await until(() => it.proxy.count.bytes === 5, "the loss")
  it.client.socket.destroy()
  await until(() => it.client.ended === "closed", "the client")
  expect(it.heard).toEqual([])
  expect(it.proxy.wires.size).toBe(1)
})

test("cut after so many bytes: these come, and then a reset", async () => {
  using it = await scene({ kind: "cut_after", bytes: 7 })
  it.client.socket.write("0123456789")
  await until(() => it.client.ended !== null, "the cut")
  expect(it.heard.join("")).toBe("0123456789")
  expect("0123456").toStartWith(it.client.said)
})

test("a lost answer: the marked request reaches the service, its answer reaches nobody; the next ones are answered", async () => {
  using it = await scene({ kind: "lost_answer", of: "insert into", times: 1 })
  it.client.socket.write("select")
  await until(() => it.client.said === "select", "an answer")
  it.client.socket.write("insert ")
  it.client.socket.write("into events")
  await until(() => it.client.ended === "ECONNRESET", "the loss")
  expect(it.heard.join("")).toBe("selectinsert into events")
  expect(it.proxy.count.answers).toBe(1)
  const next = await visitor(it.proxy)
  next.socket.write("insert into events")
  await until(() => next.said === "insert into events", "an answer")
})

test("slow reading: what the service sends piles up there", async () => {
  using it = await scene({ kind: "slow_read", bytes_per_s: 1000 })
  const began = performance.now()
  it.client.socket.write("x".repeat(150))
  await until(() => it.client.said.length === 150, "the first")
  it.client.socket.write("y")
  await until(() => it.client.said.length === 151, "the rest")
  expect(performance.now() - began).toBeGreaterThan(100)
})

test("refused: connections are reset, those that are there and new ones, until it is mended", async () => {
  using it = await scene()
  it.proxy.cut()
  await until(() => it.client.ended === "ECONNRESET", "the reset")
  const refused = await visitor(it.proxy)
  await until(() => refused.ended !== null, "the refusal")
  it.proxy.mend()
  const welcome = await visitor(it.proxy)
  welcome.socket.write("hello")
  await until(() => welcome.said === "hello", "the echo")
})
