// Whoever has a link can answer its question, and nothing more: not with files of others, not on and on, not with what is no form.
import { expect, test } from "bun:test"
import { connect } from "node:net"
import { issueLink } from "../../src/auth/answer-link.ts"
import { resolveSecret } from "../../src/auth/secret.ts"
import { systemClock } from "../../src/clock.ts"
import { filesIn, formOf, jsonOf, keep, upload } from "../files/support.ts"
import { startTestServer, type TestServer } from "../support/server.ts"
import { askIn, faultAt, fileOf, linkScene, offered, sendTo } from "./link-scene.ts"

const scan = { type: "file", key: "scan" } as const
const count = { type: "number", key: "count", min: 1 } as const
/** Of this form everything but the number fits, so that its file is held. */
const faulty = (content = "x") =>
  [
    ["f0", fileOf(content)],
    ["f1", "0"],
  ] as const

test("[P6.15] a file that did not come by the question's link cannot be named: the owner's own, and one of another link", async () => {
  await using link = await linkScene([scan, count])
  const own = await keep(link.chat, "secret", "secret.txt")
  const other = await askIn(link.chat, await link.chat.connect({ chat: "c2" }), link.bot, [scan, count])
  const foreign = offered((await sendTo(other.url, faulty())).text)[0]?.[1] ?? ""
  expect(foreign).toStartWith("fil_")
  for (const id of [own.file_id, foreign, `fil_${"0".repeat(32)}`, "' or 1=1"]) {
    for (const filling of [
      { "f0-kept": id, f1: "2" },
      { f0: id, f1: "2" },
      { f0: id, "f0-kept": id, f1: "0" },
    ]) {
      for (const body of [new URLSearchParams(filling), formFrom(filling)]) {
        const refused = await fetch(link.url, { method: "POST", body })
        const text = await refused.text()
        expect([refused.status, text.includes(own.name), offered(text)]).toEqual([422, false, []])
      }
    }
  }
  expect(link.bot.runs).toBe(2)
})

function formFrom(values: Record<string, string>): FormData {
  const form = new FormData()
  for (const [name, value] of Object.entries(values)) form.append(name, value)
  return form
}

test("[P6.15] a file that is held for a question can be used for its answer alone", async () => {
  await using link = await linkScene([scan, count])
  const [[, file_id = ""] = []] = offered((await link.send(faulty())).text)
  const said = await link.client.ask({ type: "message", data: { kind: "file", files: [{ file_id }] } })
  expect(said).toMatchObject({ type: "error", data: { code: "not_found" } })
  // By whatever road that is given.
  const given = await link.client.ask({
    type: "message",
    data: { kind: "input", answer: { scan: [file_id], count: 1 } },
  })
  expect(given.type).toBe("ack")
  expect((await link.answered()).texts).toEqual(["x"])
})

test("[P6.15] who sends a form again and again fills no disk: the newest files of a question are held, twice what it asks for", async () => {
  await using link = await linkScene([scan, count])
  const before = offered((await link.send(faulty())).text)
  for (let time = 0; time < 5; time++) expect((await link.send(faulty(`${time}`))).status).toBe(422)
  expect(await link.files()).toHaveLength(2)
  const gone = await link.send([...before, ["f1", "1"]], "&lang=zh")
  expect([gone.status, faultAt(gone.text, 0)]).toEqual([422, "之前选择的文件已不在，请重新选择"])
})

test("[P6.15] when the owner has no room for more files the page says so, and not how much there is", async () => {
  await using link = await linkScene([scan], { FILES_MAX_FILES_PER_USER: "1" })
  await keep(link.chat, "mine")
  const { status, text } = await link.send([["f0", fileOf("x")]])
  expect([status, faultAt(text, 0)]).toEqual([
    422,
    "no more files can be taken just now. Tell whoever sent you the link",
  ])
})

test("[P7.6] a link that is used too fast has to wait, and who made it has not", async () => {
  await using link = await linkScene([scan, count], { CHAT_RATE_LIMIT: "0.1", CHAT_RATE_BURST: "4" })
  const sent = await Promise.all(Array.from({ length: 6 }, () => link.send([["f1", "0"]])))
  expect(sent.map(({ status }) => status).toSorted()).toEqual([422, 422, 422, 422, 429, 429])
  const refused = sent.find(({ status }) => status === 429)
  expect(refused?.text).toContain("Too many requests at once.")
  expect(Number(refused?.headers.get("Retry-After"))).toBeGreaterThan(0)
  expect((await upload(link.chat, formOf("mine"))).status).toBe(201)
})

test("[P6.15] uploads by a link that hang do not keep its maker from uploading", async () => {
  await using link = await linkScene([scan], { FILES_MAX_UPLOADS_PER_USER: "1" })
  const { socket } = post(link.url, `${part("f0", "hello", "a.txt").slice(0, -2)}`, 5000)
  await untilThere(link.chat, 1, 0)
  expect((await link.send([["f0", fileOf("second")]])).status).toBe(429)
  expect((await upload(link.chat, formOf("mine"))).status).toBe(201)
  socket.destroy()
  await untilThere(link.chat, 1)
})

test("[P6.15] a form for a question that is closed, or by a link that is not valid, is refused before its files are read", async () => {
  await using link = await linkScene([scan])
  const secret = await resolveSecret({ jwt_secret: undefined, data_dir: link.chat.folder })
  const token = await issueLink(
    secret,
    { ...{ input_id: link.input_id, user_id: 1, role: "user" }, expires_at: 1000 },
    systemClock,
  )
  const begun = `${part("once", "o")}${part("f0", "hello", "a.txt").slice(0, -2)}`
  const answers = [
    post(link.url.replace(/token=.*/, `token=${token}`), begun, 5000),
    post(link.url.slice(0, -3), begun, 5000),
  ]
  expect(await Promise.all(answers.map(({ status }) => status))).toEqual([410, 403])
  await link.client.ask({ type: "message", data: { kind: "command", command: "/clear" } })
  for (const form of [begun, part("f0", "hello", "a.txt"), part("f0-kept", "x")]) {
    expect(await post(link.url, form, 5000).status).toBe(409)
  }
  expect(await link.files()).toEqual([])
})

const boundary = "b"
const part = (name: string, content: string, filename?: string) =>
  `--b\r\nContent-Disposition: form-data; name="${name}"${filename ? `; filename="${filename}"` : ""}\r\n\r\n${content}\r\n`

/** Sends a form by hand, of which there may be less than it says; resolves to the status that came. */
function post(url: string, form: string, length = form.length) {
  const { port, hostname, host, pathname, search } = new URL(url)
  const socket = connect(Number(port), hostname)
  const status = new Promise<number>((resolve) => {
    socket.on("data", (bytes) => resolve(Number(/^HTTP\/1.1 (\d+)/.exec(bytes.toString())?.[1])))
  })
  socket.on("error", () => undefined)
  const type = `Content-Type: multipart/form-data; boundary=${boundary}`
  socket.write(
    `POST ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\n${type}\r\nContent-Length: ${length}\r\n\r\n${form}`,
  )
  return { socket, status: status.finally(() => socket.destroy()) }
}

/** Resolves when there are so many files, drafts included, of which so many are their owner's: for as long as a test may take. */
async function untilThere(server: TestServer, there: number, owned = there): Promise<void> {
  for (;;) {
    const { data } = await jsonOf(server.fetch("/chat/file/list"))
    if (data.items.length === owned && (await filesIn(server)).length === there) return
  }
}

const whole = part("f0", "hello", "a.txt")
test.each<[string, string]>([
  ["nothing", ""],
  ["no form", "{}"],
  ["a form that breaks off after a file", whole],
  ["a form that breaks off in the headers", `${whole}--b\r\nContent-`],
  ["a part without a name", `${whole}--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n`],
  ["more parts than the form can have", `${whole}${part("x", "").repeat(1100)}--b--\r\n`],
  ["headers without end", `${whole}--b\r\nX: ${"y".repeat(200_000)}`],
  ["much after the form", `${whole}--b--\r\n${"z".repeat(500_000)}`],
])("[P6.15] %s is refused with a page, and nothing is left behind", async (_, body) => {
  await using link = await linkScene([scan, count])
  const headers = { "Content-Type": `multipart/form-data; boundary=${boundary}` }
  const refused = await fetch(`${link.url}&lang=zh`, { method: "POST", body, headers })
  expect([refused.status, await refused.text()]).toEqual([400, expect.stringContaining("无法读取收到的内容")])
  expect([await link.files(), link.bot.runs]).toEqual([[], 1])
})

test("[P6.15] a large part that is no form-data holds nothing up", async () => {
  await using link = await linkScene([scan, count])
  const skipped = `--b\r\nContent-Disposition: attachment; name="f1"\r\n\r\n${"x".repeat(200_000)}\r\n--b--\r\n`
  const status = await post(link.url, `${whole}${skipped}`).status
  // As it comes, in one piece or in many.
  expect([400, 422]).toContain(status)
})

test("[P6.15] values beyond a megabyte are refused with a page, in either encoding, and nothing is left behind", async () => {
  await using link = await linkScene([scan, count])
  const large = "x".repeat(1_100_000)
  const sent = await link.send([
    ["f0", fileOf("x")],
    ["f1", large],
  ])
  const plain = await fetch(link.url, { method: "POST", body: new URLSearchParams({ f1: large }) })
  expect([sent.status, sent.text]).toEqual([413, expect.stringContaining("more than 1048576 bytes")])
  expect([plain.status, await plain.text()]).toEqual([413, expect.stringContaining("more than 1048576 bytes")])
  expect(await link.files()).toEqual([])
})

test("[P6.15] an answer that cannot be kept leaves its files nowhere", async () => {
  await using link = await linkScene([scan, { type: "text", key: "note" }])
  const unkept = await link.send([
    ["f0", fileOf("x")],
    ["f1", "a\0b"],
  ])
  expect([unkept.status, await link.files()]).toEqual([400, []])
})

test("[P6.15] a sender who goes away in the middle of a form leaves nothing behind, also of what had come whole", async () => {
  await using link = await linkScene([scan, { ...scan, key: "more" }])
  const { socket } = post(link.url, `${whole}${part("f1", "second", "b.txt").slice(0, -2)}`, 5000)
  await untilThere(link.chat, 2, 1)
  socket.destroy()
  await untilThere(link.chat, 0)
})

test("[P6.15] files of a form that was never sent again go when the question is answered by somebody else", async () => {
  await using link = await linkScene([scan, count])
  const kept = offered((await link.send(faulty())).text)
  const own = await keep(link.chat, "the owner's")
  await link.client.ask({ type: "message", data: { kind: "input", answer: { scan: [own.file_id], count: 1 } } })
  const late = await link.send([...kept, ["f1", "1"]])
  expect([late.status, late.text]).toEqual([409, expect.stringContaining("answered already")])
  const { chat } = link
  await chat.stop()
  await using again = await startTestServer({ folder: chat.folder, handlers: { scripted: link.bot.handler } })
  await untilThere(again, 1)
  expect(await filesIn(again)).toEqual([own.file_id])
})
