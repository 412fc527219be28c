import { expect, test } from "bun:test"
import { createHash } from "node:crypto"
import { join } from "node:path"
import { filesIn, formOf, jsonOf, keep, png, streamOf, upload } from "../files/support.ts"
import { startTestServer } from "../support/server.ts"

test("[P3.9] an upload is answered with what is known of it, and read back byte for byte", async () => {
  await using server = await startTestServer()
  const { status, data } = await upload(server, formOf(png, "dot.png", "image/png"))
  const sha256 = createHash("sha256").update(png).digest("hex")
  expect(status).toBe(201)
  expect(data).toMatchObject({ name: "dot.png", mime_type: "image/png", size: png.length, sha256 })
  expect(data.url).toBe(`/chat/file/${data.file_id}`)
  const read = await server.fetch(String(data.url))
  expect(read.status).toBe(200)
  expect(await read.bytes()).toEqual(png)
})

test("what a browser gets can be neither run, guessed at, nor kept for others", async () => {
  await using server = await startTestServer()
  const { url, sha256 } = await keep(server, "<html><script>alert(1)</script>", "page.html")
  const { headers } = await server.fetch(`${url}?inline=true`)
  expect(Object.fromEntries(headers)).toMatchObject({
    "content-type": "text/html; charset=utf-8",
    "content-disposition": `attachment; filename="page.html"; filename*=UTF-8''page.html`,
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "x-content-type-options": "nosniff",
    "cache-control": "private, max-age=31536000, immutable",
    etag: `"${sha256}"`,
    "accept-ranges": "bytes",
    "content-length": "31",
  })
})

test.each([
  ["dot.png", png, "inline"],
  ["notes.txt", "hello", "inline"],
  ["notes.md", "# hello", "attachment"],
  ["table.csv", "a,b", "attachment"],
] as const)("%s is shown where it is only when that is asked for and harmless", async (name, content, kind) => {
  await using server = await startTestServer()
  const { url } = await keep(server, content, name)
  expect((await server.fetch(url)).headers.get("Content-Disposition")).toStartWith("attachment;")
  expect((await server.fetch(`${url}?inline=true`)).headers.get("Content-Disposition")).toStartWith(`${kind};`)
})

test.each([
  ["bytes=0-3", 206, "0123", "bytes 0-3/10"],
  ["bytes=8-", 206, "89", "bytes 8-9/10"],
  ["bytes=-4", 206, "6789", "bytes 6-9/10"],
  ["bytes=-40", 206, "0123456789", "bytes 0-9/10"],
  ["bytes=5-500", 206, "56789", "bytes 5-9/10"],
  ["bytes=0-0,5-5", 200, "0123456789", null],
  ["bytes=5-3", 200, "0123456789", null],
  ["lines=1-2", 200, "0123456789", null],
  ["bytes=-", 200, "0123456789", null],
] as const)("Range: %s", async (range, status, text, placed) => {
  await using server = await startTestServer()
  const { url } = await keep(server, "0123456789")
  const part = await server.fetch(url, { headers: { range } })
  expect([part.status, part.headers.get("Content-Range")]).toEqual([status, placed])
  expect(part.headers.get("Content-Length")).toBe(String(text.length))
  expect(await part.text()).toBe(text)
})

test.each(["bytes=10-", "bytes=99-100", "bytes=-0"])("Range: %s is beyond the end", async (range) => {
  await using server = await startTestServer()
  const { url } = await keep(server, "0123456789")
  const refused = await server.fetch(url, { headers: { range } })
  expect([refused.status, refused.headers.get("Content-Range")]).toEqual([416, "bytes */10"])
  expect(refused.headers.get("Cache-Control")).toBe("no-store")
  expect(await refused.json()).toMatchObject({ data: { code: "bad_range" } })
})

test("HEAD answers as GET does, without the content; a known ETag is answered with 304", async () => {
  await using server = await startTestServer()
  const { url, sha256 } = await keep(server, "0123456789")
  const head = await server.fetch(url, { method: "HEAD" })
  expect([head.status, head.headers.get("Content-Length"), await head.text()]).toEqual([200, "10", ""])
  for (const etag of [`"${sha256}"`, `W/"${sha256}"`, `"x", "${sha256}"`, "*"]) {
    const same = await server.fetch(url, { headers: { "If-None-Match": etag, range: "bytes=0-1" } })
    expect([same.status, same.headers.get("ETag"), await same.text()]).toEqual([304, `"${sha256}"`, ""])
  }
  const other = await server.fetch(url, { headers: { "If-None-Match": `"x"` } })
  expect(await other.text()).toBe("0123456789")
  const changed = await server.fetch(url, { headers: { "If-Range": `"x"`, range: "bytes=0-1" } })
  expect([changed.status, await changed.text()]).toEqual([200, "0123456789"])
})

test("[P9.2] another's file and a missing one are the same, for reading and deleting; an administrator sees it", async () => {
  await using server = await startTestServer()
  const { url, file_id } = await keep(server, "secret", "mine.txt", 2)
  for (const method of ["GET", "HEAD", "DELETE"]) {
    const headers = { "X-Trace-Id": "t" }
    const [foreign, missing] = await Promise.all(
      [url, `/chat/file/fil_${"0".repeat(32)}`].map(async (path) => {
        const response = await server.fetch(path, { method, headers, user: 1 })
        return [response.status, await response.text(), response.headers.get("ETag")]
      }),
    )
    expect(foreign).toEqual(missing)
    expect(foreign?.[0]).toBe(404)
  }
  expect((await server.fetch(`${url}?user_id=2`, { user: 1 })).status).toBe(403)
  expect(await (await server.fetch(url, { user: 9, role: "admin" })).text()).toBe("secret")
  expect((await server.fetch(`${url}?user_id=3`, { user: 9, role: "admin" })).status).toBe(404)
  expect(await (await server.fetch(url, { user: 2 })).text()).toBe("secret")
  expect(await filesIn(server)).toEqual([file_id])
})

test("a deleted file is gone, its content too", async () => {
  await using server = await startTestServer()
  const { url, file_id } = await keep(server, "hello")
  const deleted = await server.fetch(url, { method: "DELETE" })
  expect(await deleted.json()).toMatchObject({ status_code: 200, data: { deleted: [file_id] } })
  expect((await server.fetch(url)).status).toBe(404)
  expect((await server.fetch(url, { method: "DELETE" })).status).toBe(404)
  expect(await filesIn(server)).toEqual([])
})

test("one's files are listed page by page, the newest first", async () => {
  await using server = await startTestServer()
  const kept: string[] = []
  for (const number of [1, 2, 3, 4, 5]) kept.unshift((await keep(server, `${number}`, `${number}.txt`)).file_id)
  await keep(server, "other", "other.txt", 2)
  const seen: string[] = []
  let cursor = ""
  for (let pages = 0; pages < 3; pages++) {
    const { data } = await jsonOf(server.fetch(`/chat/file/list?limit=2${cursor}`))
    seen.push(...data.items.map((item: { file_id: string }) => item.file_id))
    cursor = `&cursor=${data.next_cursor}`
    if (data.next_cursor === null) expect(pages).toBe(2)
  }
  expect(seen).toEqual(kept)
  const { data } = await jsonOf(server.fetch("/chat/file/list?user_id=all", { user: 9, role: "admin" }))
  expect(data.items).toHaveLength(6)
  expect((await server.fetch("/chat/file/list?user_id=2")).status).toBe(403)
})

const boundary = "x-boundary"
const part = (text: string, disposition = 'form-data; name="file"; filename="a.txt"') =>
  `--${boundary}\r\nContent-Disposition: ${disposition}\r\n\r\n${text}\r\n`

test.each([
  ["no form", "application/json", "{}"],
  ["no boundary", "multipart/form-data", part("hi")],
  ["no part", `multipart/form-data; boundary=${boundary}`, `--${boundary}--\r\n`],
  ["nothing", `multipart/form-data; boundary=${boundary}`, ""],
  [
    "another part",
    `multipart/form-data; boundary=${boundary}`,
    `${part("hi", 'form-data; name="text"')}--${boundary}--`,
  ],
  ["two parts", `multipart/form-data; boundary=${boundary}`, `${part("hi")}${part("ho")}--${boundary}--\r\n`],
  [
    "a large part that is no form-data",
    `multipart/form-data; boundary=${boundary}`,
    `${part("x".repeat(200_000), "attachment; name=file")}--${boundary}--\r\n`,
  ],
  ["a form that breaks off", `multipart/form-data; boundary=${boundary}`, part("hi")],
  ["a form that breaks off in the headers", `multipart/form-data; boundary=${boundary}`, `--${boundary}\r\nContent-`],
  ["a part without a name", `multipart/form-data; boundary=${boundary}`, `${part("hi", "form-data")}--${boundary}--`],
  ["headers without end", `multipart/form-data; boundary=${boundary}`, `--${boundary}\r\nX: ${"y".repeat(99_000)}`],
  ["much before the form", `multipart/form-data; boundary=${boundary}`, "z".repeat(500_000)],
  ["much after the form", `multipart/form-data; boundary=${boundary}`, `${part("hi")}--${boundary}x${"z".repeat(9e5)}`],
  [
    "a name with a line break",
    `multipart/form-data; boundary=${boundary}`,
    `${part("hi", "form-data; name=file; filename*=UTF-8''a%0D%0ASet-Cookie%3A%20x.txt")}--${boundary}--`,
  ],
])("%s is `bad_request`, and nothing is left behind", async (_, type, body) => {
  await using server = await startTestServer()
  const refused = await server.fetch("/chat/file", { method: "POST", body, headers: { "Content-Type": type } })
  expect([refused.status, (await jsonOf(refused)).data.code]).toEqual([400, "bad_request"])
  expect(await filesIn(server)).toEqual([])
})

test("[P3.9] a name in any script is kept as it is", async () => {
  await using server = await startTestServer()
  for (const name of ["报告 2026.txt", "отчёт.txt", "é.txt", "\u{1F4C4}.txt"]) {
    const { status, data } = await upload(server, formOf("content", name))
    expect([status, data.name]).toEqual([201, name])
  }
})

test("a form that comes byte by byte is the same form", async () => {
  await using server = await startTestServer()
  const text = `${part("hello\r\n--x-boundar and more")}--${boundary}--\r\n`
  const body = streamOf(Array.from(text, (sign) => new TextEncoder().encode(sign)))
  const headers = { "Content-Type": `multipart/form-data; boundary="${boundary}"` }
  const { data } = await jsonOf(server.fetch("/chat/file", { method: "POST", body, headers }))
  expect(await (await server.fetch(data.url)).text()).toBe("hello\r\n--x-boundar and more")
})

test("what a crash left of an upload is cleared at the next start; what is kept stays", async () => {
  const server = await startTestServer()
  const kept = await keep(server, "kept")
  await server.stop()
  const orphan = `fil_${"a".repeat(32)}`
  for (const path of [`drafts/${orphan}`, `aa/${orphan}`, `drafts/${kept.file_id}`, "drafts/half"]) {
    await Bun.write(join(server.folder, "files", path), "left")
  }
  await using again = await startTestServer({ folder: server.folder })
  expect(await filesIn(again)).toEqual([kept.file_id])
  expect(await (await again.fetch(kept.url)).text()).toBe("kept")
})

test("the document tells of the form, of the content and its ranges", async () => {
  await using server = await startTestServer()
  const { paths } = await jsonOf(fetch(new URL("/openapi.json", server.url)))
  const { post } = paths["/chat/file"]
  const { schema } = post.requestBody.content["multipart/form-data"]
  expect(schema.properties.file).toMatchObject({ type: "string", format: "binary" })
  expect(Object.keys(post.responses)).toEqual(["201", "400", "401", "413", "415", "422", "429", "500", "503"])
  const { responses } = paths["/chat/file/{file_id}"].get
  expect(responses["206"].content).toHaveProperty("application/octet-stream")
  expect(Object.keys(responses)).toEqual(["200", "206", "304", "400", "401", "403", "404", "416", "500", "503"])
})
