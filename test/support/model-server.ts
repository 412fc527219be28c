// A model service that others wrote (aimock), behind a relay that sees the connections come and go.
import { once } from "node:events"
import { connect, createServer, type Socket } from "node:net"
import { LLMock, type MockServerOptions, type Mountable } from "@copilotkit/aimock"

export interface ModelServer extends AsyncDisposable {
  /** For the option `base_url`. */
  readonly url: string
  /** Takes the fixtures, and has the journal of requests. */
  readonly mock: LLMock
  /** The bodies of the requests so far. */
  bodies(): unknown[]
  /** Resolves when a request has arrived whose answer may still be running. */
  received(): Promise<void>
  /** Resolves when a client has closed its connection before the service did. */
  abandoned(): Promise<void>
  /** Breaks every connection. */
  cut(): void
  /** Serves a hand-made answer to every request at an address of its own, which it gives back. */
  answerRaw(answer: RawAnswer): string
}

export interface RawAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** Leaves the answer open after the body, for cut(). */
  readonly open?: boolean
}

/** Starts the service on a free port of the loopback interface, without fixtures. */
export async function startModelServer(options: Omit<MockServerOptions, "port" | "host"> = {}): Promise<ModelServer> {
  const mock = new LLMock({ logLevel: "silent", ...options, port: 0, host: "127.0.0.1" })
  await mock.start()
  const relay = await startRelay(mock.port)
  let raws = 0
  return {
    url: `${relay.url}/v1`,
    mock,
    bodies: () => mock.getRequests().map(({ body }) => body),
    received: relay.received,
    abandoned: relay.abandoned,
    cut: relay.cut,
    answerRaw({ status, headers, body, open }) {
      const raw: Mountable = {
        async handleRequest(request, response) {
          request.resume()
          response.writeHead(status, headers)
          if (open) response.write(body)
          else response.end(body)
          return true
        },
      }
      const path = `/raw${++raws}`
      mock.mount(path, raw)
      return `${relay.url}${path}/v1`
    },
    async [Symbol.asyncDispose]() {
      relay.stop()
      await mock.stop()
    },
  }
}

/** Passes bytes on in both directions; aimock itself does not tell that a client has gone. */
async function startRelay(target: number) {
  const sockets = new Set<Socket>()
  const received = Promise.withResolvers<void>()
  const abandoned = Promise.withResolvers<void>()
  const server = createServer((client) => {
    const service = connect(target, "127.0.0.1")
    let served = false
    for (const socket of [client, service]) {
      sockets.add(socket)
      socket.on("close", () => sockets.delete(socket))
      // A reset by either side is what some tests are about; "close" follows and says all that is needed.
      socket.on("error", () => undefined)
    }
    client.once("data", () => received.resolve())
    client.pipe(service)
    service.pipe(client)
    service.on("end", () => {
      served = true
    })
    service.on("close", () => client.end())
    client.on("close", () => {
      if (!served) abandoned.resolve()
      service.destroy()
    })
  })
  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("the relay has no port")
  return {
    url: `http://127.0.0.1:${address.port}`,
    received: () => received.promise,
    abandoned: () => abandoned.promise,
    cut,
    stop() {
      cut()
      server.close()
    },
  }
}
