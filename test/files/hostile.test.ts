// Files that were made to do harm: each is refused with a reason, memory stays flat, nothing is left behind, the service goes on.
import { afterAll, beforeAll, expect, test } from "bun:test"
import { connect } from "node:net"
import { resolveSecret } from "../../src/auth/secret.ts"
import { issueToken } from "../../src/auth/token.ts"
import { systemClock } from "../../src/clock.ts"
import { type ServiceProcess, startService, temporaryFolder } from "../support/process.ts"
import { startTestServer } from "../support/server.ts"
import { noSqld, startSqld } from "../support/sqld.ts"
import { until } from "../support/until.ts"
import { docxFrame, docxOf, zipOf, zipOfMany } from "./archives.ts"
import { pour as pourForm } from "./pour.ts"
import { type Bytes, filesIn, formOf, keep, png, streamOf, upload } from "./support.ts"

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let service: ServiceProcess
let token: string
beforeAll(async () => {
  folder = await temporaryFolder()
  service = await startService({
    env: { DATA_DIR: folder.path, LOG_LEVEL: "warn", FILES_TYPES: "text/*,image/png,application/*" },
  })
  const secret = await resolveSecret({ jwt_secret: undefined, data_dir: folder.path })
  token = await issueToken(secret, { user_id: 1, role: "user", ttl_s: 3600 }, systemClock)
})
afterAll(async () => {
  await service[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})

/** Resolves when there are so many files, drafts included. */
function untilThere(path: string, number: number): Promise<void> {
  let seen = -1
  return until(() => {
    void filesIn({ folder: path }).then((names) => {
      seen = names.length
    })
    return seen === number
  }, `${number} files`)
}

/** Sends a form of `megabytes` by hand; `code` is the refusal's. */
async function pour(head: readonly string[], megabytes: number, { chunked }: { chunked: boolean }) {
  const request = { path: "/chat/file", head: [`Authorization: Bearer ${token}`, ...head], name: "file" }
  const { answer, ...poured } = await pourForm({ service, ...request, megabytes, chunked, sign: '"code"' })
  return { ...poured, code: /"code":"(\w+)"/.exec(answer)?.[1] }
}

const form = "Content-Type: multipart/form-data; boundary=b"
const refused = { status: "HTTP/1.1 413 Payload Too Large", code: "file_too_large" }

test("a stream of 1 GB without a length is refused at the limit, and what still comes takes no memory", async () => {
  const { peak, ...answer } = await pour(["Transfer-Encoding: chunked"], 1024, { chunked: true })
  expect(answer).toMatchObject(refused)
  expect(peak).toBeLessThan(80e6)
  await untilThere(folder.path, 0)
})

test("1 GB that says so is refused before any of it is read", async () => {
  const { peak, ...answer } = await pour([`Content-Length: ${2 ** 30}`], 1024, { chunked: false })
  expect(answer).toMatchObject(refused)
  expect(peak).toBeLessThan(80e6)
  await untilThere(folder.path, 0)
  // Nothing has been sent yet when the answer comes.
  const { port, hostname, host } = new URL(service.url)
  const socket = connect(Number(port), hostname)
  const told = Promise.withResolvers<string>()
  socket.on("data", (bytes) => told.resolve(bytes.toString()))
  const head = ["POST /chat/file HTTP/1.1", `Host: ${host}`, `Authorization: Bearer ${token}`, form]
  socket.write(`${head.join("\r\n")}\r\nContent-Length: ${2 ** 30}\r\n\r\n`)
  expect(await told.promise).toStartWith(refused.status)
  socket.destroy()
})

test("a length that is a lie: what comes beyond it is no request, and the connection ends", async () => {
  const { code, sent } = await pour(["Content-Length: 1000"], 1024, { chunked: false })
  // The refusal may be lost with the connection.
  expect(["bad_request", undefined]).toContain(code)
  expect(sent).toBeLessThan(2 ** 29)
  await untilThere(folder.path, 0)
})

test("a browser that sends too much gets to read why", async () => {
  const body = formOf(new Uint8Array(60_000_000).fill(97))
  const answer = await fetch(`${service.url}/chat/file?lang=zh`, {
    ...{ method: "POST", body, headers: { Authorization: `Bearer ${token}` } },
  })
  expect([answer.status, JSON.parse(await answer.text())]).toMatchObject([
    413,
    { status_message: "文件超过 20971520 字节。请发送更小的文件。", data: { code: "file_too_large", retry: false } },
  ])
})

test("a sender who goes away in the middle leaves nothing behind", async () => {
  const { port, hostname, host } = new URL(service.url)
  const socket = connect(Number(port), hostname)
  const lines = ["POST /chat/file HTTP/1.1", `Host: ${host}`, `Authorization: Bearer ${token}`, form]
  const begun = '--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nhello'
  socket.write(`${lines.join("\r\n")}\r\nContent-Length: 5000\r\n\r\n${begun}`)
  await untilThere(folder.path, 1)
  socket.destroy()
  await untilThere(folder.path, 0)
})

test("other addresses keep their own limit", async () => {
  const body = JSON.stringify({ flow_id: "default", topic: "x".repeat(2_000_000) })
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" }
  const answer = await fetch(`${service.url}/chat/session/create`, { method: "POST", body, headers })
  expect([answer.status, (await answer.text()).includes("frame_too_large")]).toEqual([413, true])
})

const zeros = new Uint8Array(200 * 1024 * 1024)
const exe = new Uint8Array([0x4d, 0x5a, 0x90, 0, 3, 0, 0, 0, 4, 0, 0, 0, 0xff, 0xff, 0, 0])
const svg = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'

test.each<[string, () => Bytes, string, string, string]>([
  ["a program called an image", () => exe, "dot.png", "", "file_type"],
  ["a program", () => exe, "setup.exe", "", "file_type"],
  ["a page called an image", () => "<html><script>alert(1)</script>", "dot.png", "image/png", "file_type"],
  ["an image called a text", () => png, "notes.txt", "", "file_type"],
  ["an image said to be a PDF", () => png, "dot", "application/pdf", "file_type"],
  ["a drawing with a script", () => svg, "dot.svg", "image/svg+xml", "file_type"],
  ["a drawing with a script and a prologue", () => `<?xml version="1.0"?>${svg}`, "dot.svg", "", "file_type"],
  ["an archive called a document", () => zipOf([{ name: "a", content: "a" }]), "a.docx", "", "file_type"],
  [
    "another kind of document",
    () => zipOf([...docxFrame.slice(0, 1), { name: "xl/workbook.xml", content: "<w/>" }]),
    "a.docx",
    "",
    "file_type",
  ],
  ["text in an encoding of its own", () => new Uint8Array([0xc4, 0xe3, 0xba, 0xc3]), "a.txt", "", "file_type"],
  ["text with a NUL", () => "a\0b", "a.txt", "", "file_type"],
  ["an empty file", () => "", "a.txt", "", "file_unreadable"],
  [
    "a bomb in a document",
    () => docxOf(["x"], [{ name: "word/media/a", content: zeros }]),
    "a.docx",
    "",
    "file_unreadable",
  ],
  ["an archive that breaks off", () => docxOf(["x"]).slice(0, -30), "a.docx", "", "file_unreadable"],
  ["an archive with 300,000 entries", () => zipOfMany(300_000), "a.docx", "", "file_unreadable"],
  ["an archive that leaves its folder", () => zipOf([{ name: "../a", content: "a" }]), "a.docx", "", "file_unreadable"],
])("%s is refused", async (_, make, name, type, code) => {
  const content = make()
  await using server = await startTestServer()
  const before = process.memoryUsage.rss()
  const answer = await upload(server, formOf(content, name, type))
  expect([answer.code, answer.data.retry]).toEqual([code, false])
  expect(await filesIn(server)).toEqual([])
  expect(process.memoryUsage.rss() - before).toBeLessThan(80e6)
  expect((await keep(server, "still here")).size).toBe(10)
})

test("an archive with a million entries is refused by its directory alone", async () => {
  await using server = await startTestServer({ env: { FILES_MAX_BYTES: "60000000" } })
  const content = zipOfMany(1_000_000)
  const before = process.memoryUsage.rss()
  expect((await upload(server, formOf(content, "a.docx"))).code).toBe("file_unreadable")
  expect(process.memoryUsage.rss() - before).toBeLessThan(150e6)
})

test.each([
  ["../../etc/passwd", "passwd"],
  ["/etc/passwd", "passwd"],
  ["C:\\windows\\win.ini", "win.ini"],
  ["..", "file"],
  [".htaccess", "htaccess"],
  ["a\u202Edm.csv", "adm.csv"],
  ["\u2066zip\u2069\u200f.txt", "zip.txt"],
  ["a\u0000b\u0007\u009f.txt", "ab.txt"],
  ['quo"te%22;x=.txt', 'quo"te%22;x=.txt'],
  [`${"长".repeat(300)}.txt`, `${"长".repeat(196)}.txt`],
  [`${"x".repeat(195)}😀.txt`, `${"x".repeat(195)}.txt`],
  ["报告 ‮.md", "报告 .md"],
  ["", "file"],
])("the name %j becomes %j, and is no path", async (given, name) => {
  await using server = await startTestServer()
  const disposition = `form-data; name="file"; filename*=UTF-8''${encodeURIComponent(given)}`
  const body = `--b\r\nContent-Disposition: ${disposition}\r\n\r\nhello\r\n--b--\r\n`
  const headers = { "Content-Type": "multipart/form-data; boundary=b" }
  const { data } = JSON.parse(await (await server.fetch("/chat/file", { method: "POST", body, headers })).text())
  expect(data.name).toBe(name)
  expect(await filesIn(server)).toEqual([data.file_id])
  const disposed = (await server.fetch(data.url)).headers.get("Content-Disposition") ?? ""
  const [, plain = "", encoded = ""] =
    /^attachment; filename="([\x20-\x7e]*)"; filename\*=UTF-8''(\S+)$/.exec(disposed) ?? []
  expect(decodeURIComponent(encoded)).toBe(name)
  expect(plain).not.toMatch(/["\\]/)
})

test("two uploads at once cannot both take the last place", async () => {
  await using server = await startTestServer({ env: { FILES_MAX_FILES_PER_USER: "3" } })
  await keep(server, "1")
  await keep(server, "2")
  const answers = await Promise.all(["3", "4", "5"].map((text) => upload(server, formOf(text))))
  expect(answers.map(({ status }) => status).toSorted()).toEqual([201, 429, 429])
  expect(answers.find(({ status }) => status === 429)).toMatchObject({
    code: "too_many_files",
    status_message: "There is no room for more of your files: 3 are kept at most. Delete some first.",
  })
  expect(await filesIn(server)).toHaveLength(3)
  expect((await upload(server, formOf("other"), 2)).status).toBe(201)
})

test("nor take more bytes together than one may keep; deleting makes room again", async () => {
  await using server = await startTestServer({ env: { FILES_MAX_BYTES_PER_USER: "250" } })
  const answers = await Promise.all(["1", "2", "3"].map((sign) => upload(server, formOf(sign.repeat(100)))))
  expect(answers.map(({ code }) => code ?? "kept").toSorted()).toEqual(["kept", "kept", "too_many_files"])
  const kept = answers.find(({ status }) => status === 201)
  await server.fetch(String(kept?.data.url), { method: "DELETE" })
  expect((await upload(server, formOf("4".repeat(100)))).status).toBe(201)
  expect(await filesIn(server)).toHaveLength(2)
})

test.skipIf(noSqld !== null)("the same on two instances with a libSQL server and one folder", async () => {
  await using sqld = await startSqld()
  await using shared = await temporaryFolder()
  const env = { DATABASE_URL: sqld.url, DATA_DIR: shared.path, FILES_MAX_FILES_PER_USER: "2" }
  await using one = await startTestServer({ env })
  await using two = await startTestServer({ env })
  const answers = await Promise.all([one, two, one, two].map((server, at) => upload(server, formOf(`${at}`))))
  expect(answers.map(({ code }) => code ?? "kept").toSorted()).toEqual([
    ...["kept", "kept", "too_many_files", "too_many_files"],
  ])
  const kept = answers.findIndex(({ status }) => status === 201)
  expect(await (await two.fetch(String(answers[kept]?.data.url))).text()).toBe(`${kept}`)
  expect(await filesIn({ folder: shared.path })).toHaveLength(2)
})

test("a user with many uploads open at once is told to wait; others are not", async () => {
  await using server = await startTestServer({ env: { FILES_MAX_UPLOADS_PER_USER: "2" } })
  const gate = Promise.withResolvers<void>()
  const slow = () => {
    const begin = '--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nhello'
    const body = new ReadableStream({
      async start(controller) {
        controller.enqueue(new TextEncoder().encode(begin))
        await gate.promise
        controller.enqueue(new TextEncoder().encode("\r\n--b--\r\n"))
        controller.close()
      },
    })
    const headers = { "Content-Type": "multipart/form-data; boundary=b" }
    return server.fetch("/chat/file", { method: "POST", body, headers })
  }
  const open = [slow(), slow()]
  await untilThere(server.folder, 2)
  const third = await upload(server, formOf("hello"))
  expect([third.status, third.code, third.data.retry]).toEqual([429, "rate_limited", true])
  expect((await upload(server, formOf("hello"), 2)).status).toBe(201)
  gate.resolve()
  expect((await Promise.all(open)).map(({ status }) => status)).toEqual([201, 201])
  expect((await upload(server, formOf("hello"))).status).toBe(201)
})

test("text of any size in one piece or many has one hash", async () => {
  await using server = await startTestServer()
  const content = "0123456789äöü".repeat(200_000)
  const whole = await keep(server, content)
  const bytes = new TextEncoder().encode(
    `--b\r\nContent-Disposition: form-data; name=file\r\n\r\n${content}\r\n--b--\r\n`,
  )
  const pieces = Array.from({ length: Math.ceil(bytes.length / 7777) }, (_, at) =>
    bytes.slice(at * 7777, (at + 1) * 7777),
  )
  const headers = { "Content-Type": "multipart/form-data; boundary=b" }
  const sent = await server.fetch("/chat/file", { method: "POST", body: streamOf(pieces), headers })
  expect(JSON.parse(await sent.text()).data).toMatchObject({ sha256: whole.sha256, size: whole.size, name: "file" })
})
