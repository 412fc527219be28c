// Requests that no client library would send: refused in a few words, the service goes on, and nothing of it is shown.
import { expect, test } from "bun:test"
import { connect } from "node:net"
import { startTestServer } from "../support/server.ts"

/** Sends bytes and gives back all that comes until the other side closes. */
function exchange(url: string, request: string): Promise<string> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    let answer = ""
    const socket = connect(Number(port), hostname, () => socket.write(request))
    socket.setEncoding("utf8")
    socket.on("data", (text) => {
      answer += text
    })
    socket.on("close", () => resolve(answer))
    socket.on("error", reject)
  })
}

const upgrade =
  "Connection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n"

test.each(["[bad", "a b", "a:99999", "", "%00", "://"])(
  "a Host header '%s' is answered with 4xx and no page of ours",
  async (host) => {
    await using chat = await startTestServer()
    for (const headers of ["Connection: close\r\n", upgrade]) {
      const answer = await exchange(chat.url, `GET /chat/default HTTP/1.1\r\nHost: ${host}\r\n${headers}\r\n`)
      expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /)
      expect(answer).not.toContain("src/")
      expect(answer.length).toBeLessThan(2000)
    }
    expect((await fetch(`${chat.url}/healthz`)).status).toBe(200)
  },
)
