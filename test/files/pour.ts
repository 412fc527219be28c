// A form that does not end, sent by hand to a process of its own, and what that costs it.
import { readFileSync } from "node:fs"
import { connect } from "node:net"
import { until } from "../support/until.ts"

export interface Pouring {
  readonly service: { readonly url: string; readonly pid: number }
  readonly path: string
  /** Lines of the request's head. */
  readonly head: readonly string[]
  /** Of the part that does not end. */
  readonly name: string
  readonly megabytes: number
  readonly chunked: boolean
  /** Is in every answer. */
  readonly sign: string
}

const rssOf = (pid: number) => Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]) * 4096

/** Gives the status line and the answer that came, how much was sent, and the highest RSS seen above that before. */
export async function pour({ service, path, head, name, megabytes, chunked, sign }: Pouring) {
  const { port, hostname, host } = new URL(service.url)
  const socket = connect(Number(port), hostname)
  const before = rssOf(service.pid)
  let answer = ""
  let sent = 0
  let peak = 0
  socket.on("data", (bytes) => {
    answer += bytes.toString()
  })
  const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()).on("error", () => undefined))
  const lines = [`POST ${path} HTTP/1.1`, `Host: ${host}`, "Content-Type: multipart/form-data; boundary=b", ...head]
  socket.write(`${lines.join("\r\n")}\r\n\r\n`)
  const piece = Buffer.alloc(1_048_576, "a")
  const write = (bytes: Buffer | string) => {
    if (chunked) socket.write(`${bytes.length.toString(16)}\r\n`)
    const free = socket.write(bytes)
    if (chunked) socket.write("\r\n")
    sent += bytes.length
    return free
  }
  write(`--b\r\nContent-Disposition: form-data; name="${name}"; filename="a.txt"\r\n\r\n`)
  while (sent < megabytes * 1_048_576 && !socket.destroyed) {
    if (!write(piece)) await Promise.race([new Promise((resolve) => socket.once("drain", resolve)), closed])
    peak = Math.max(peak, rssOf(service.pid) - before)
    // A person stops when the answer is no; an attacker does not.
  }
  await until(() => answer.includes(sign) || socket.destroyed, "the answer")
  socket.destroy()
  await closed
  return { status: answer.split("\r\n")[0], answer, sent, peak }
}
