// A signed link answers one question and is good for nothing else; its pages work without script and let nothing in.
import { describe, expect, test } from "bun:test"
import { issueLink } from "../../src/auth/answer-link.ts"
import { ChatError } from "../../src/errors.ts"
import { Fields } from "../../src/protocol/form.ts"
import type { InputRow } from "../../src/store/schema.ts"
import { idOf, insertInput, insertSession, minute } from "./rows.ts"
import { now, secret, testApp, testClock, tokenOf } from "./support.ts"

async function scene(over: Partial<InputRow> = {}, clock = testClock) {
  const app = await testApp({ clock })
  const session = await insertSession(app.db)
  const input = await insertInput(app.db, session, over)
  const link = async (body: object = {}) => (await app.ask("POST", `/chat/inputs/${input.id}/link`, { body })).body
  const { url } = (await link()).data as { url: string }
  const path = url?.replace("http://test", "")
  const send = (fields: Record<string, string> | [string, string][], to = path) =>
    app.ask("POST", to, {
      user: null,
      body: new URLSearchParams(fields).toString(),
      headers: { "Content-Type": "application/x-www-form-urlencoded" },
    })
  return { app, session, input, link, path, url, send, show: (to = path) => app.ask("GET", to, { user: null }) }
}

const at = (ms: number) => ({ ...testClock, now: () => ms })
const fieldsOf = (...fields: Parameters<typeof Fields.parse>[0][]) => Fields.parse(fields)

test("[P6.15] a link leads to where the request came, or to where the operator says that people reach the service", async () => {
  const { app, link, url, input } = await scene()
  await using _ = app
  expect(url).toStartWith(`http://test/chat/inputs/${input.id}/answer?token=`)
  const forged = { "X-Forwarded-Host": "evil.example", Forwarded: "host=evil.example", "X-Forwarded-Proto": "ftp" }
  const { body } = await app.ask("POST", `/chat/inputs/${input.id}/link`, { body: {}, headers: forged })
  expect(body.data.url).toStartWith("http://test/chat/")
  expect((await link({ expires_in_s: 60 })).data.expires_at).toBe(new Date(now + 60_000).toISOString())
  expect((await link()).data.expires_at).toBe(new Date(now + 86_400_000).toISOString())
  for (const expires_in_s of [0, -1, 1.5, 2_592_001, "60"]) {
    expect((await link({ expires_in_s })).data.code).toBe("bad_request")
  }
})

test("[P6.15] a link ends with its question; for one that is closed there is none", async () => {
  const expires_at = new Date(now + 5500).toISOString()
  const { app, session, link } = await scene({ expires_at })
  await using _ = app
  expect((await link()).data.expires_at).toBe(new Date(now + 5000).toISOString())
  const closed = await insertInput(app.db, session, { closed_at: minute(1) })
  const over = await insertInput(app.db, await insertSession(app.db), { expires_at: minute(1) })
  const codes = [closed, over].map(
    async ({ id }) => (await app.ask("POST", `/chat/inputs/${id}/link`, { body: {} })).body.data.code,
  )
  expect(await Promise.all(codes)).toEqual(["no_question", "question_expired"])
})

describe("the link", () => {
  test("[P6.15] is no login token, and a login token is no link", async () => {
    const { app, input, path, show } = await scene()
    await using _ = app
    const token = new URL(path, "http://test").searchParams.get("token") ?? ""
    for (const [method, to] of [
      ["GET", "/chat/session/list"],
      ["GET", `/chat/inputs/${input.id}`],
      ["POST", `/chat/inputs/${input.id}/link`],
    ] as const) {
      const headers = { Authorization: `Bearer ${token}` }
      const body = method === "POST" ? {} : undefined
      expect((await app.ask(method, to, { user: null, headers, body })).status).toBe(401)
    }
    for (const login of [await tokenOf(1), await tokenOf(9, "admin")]) {
      expect((await show(path.replace(token, login))).status).toBe(403)
    }
  })

  test("[P6.15] is of one question, of who made it, unchanged, and has an end", async () => {
    const { app, session, input, path, show, send } = await scene()
    await using _ = app
    const other = await insertInput(app.db, session, { closed_at: minute(1) })
    const expires_at = now + 60_000
    const made = async (link: { input_id: string; user_id: number; expires_at: number }, key = secret) =>
      `/chat/inputs/${input.id}/answer?token=${await issueLink(key, { role: "user", ...link }, testClock)}`
    const own = { input_id: input.id, user_id: 1, expires_at }
    const wrong: [string, number][] = [
      [path.replace(input.id, other.id), 403],
      [path.slice(0, -3), 403],
      [path.replace(/token=.*/, ""), 403],
      [path.replace(/token=.*/, "token=abc"), 403],
      [await made({ ...own, input_id: idOf("inp") }), 403],
      [await made(own, new TextEncoder().encode("another secret of thirty-two bytes")), 403],
      [await made({ ...own, user_id: 2 }), 404],
      [await made({ ...own, expires_at: now }), 410],
      [path.replace(input.id, "inp_1"), 404],
    ]
    for (const [to, status] of wrong) {
      for (const { status: got, text, headers } of [await show(to), await send({ f0: "x" }, to)]) {
        expect([to, got]).toEqual([to, status])
        expect(headers.get("Content-Type")).toStartWith("text/html")
        expect(text).not.toContain("Which?")
      }
    }
    expect((await show(await made(own))).status).toBe(200)
    expect(app.chat.asked).toEqual([])
  })

  test("[P6.15] of a question that is closed, or whose chat is gone, is a plain sentence", async () => {
    const { app, input, show, send } = await scene({ expires_at: new Date(now + 60_000).toISOString() })
    await using _ = app
    const set = (sql: string) => app.db.client.execute({ sql, args: [minute(1), input.id] })
    await set("update inputs set closed_at = ? where id = ?")
    expect([(await show()).status, (await send({ f0: "x" })).status]).toEqual([409, 409])
    expect((await show()).text).toContain("answered already")
    await set("update inputs set closed_at = null, expires_at = ? where id = ?")
    expect((await show()).status).toBe(410)
    await set("update sessions set deleted_at = ? where id = (select session_id from inputs where id = ?)")
    expect((await show()).status).toBe(404)
  })
})

describe("the page", () => {
  const hostile = `"><script>alert('x')</script>&amp;`
  const everything = fieldsOf(
    { type: "text", key: "name", label: hostile, hint: hostile, default: hostile },
    { type: "text", key: "note", multiline: true, required: false, default: hostile },
    { type: "text", key: "mail", format: "email", required: false },
    { type: "number", key: "age", min: 18, integer: true, default: 20 },
    { type: "select", key: "seat", options: [{ value: hostile, label: hostile }, { value: "a" }], default: "a" },
    { type: "select", key: "meals", multiple: true, required: false, options: [{ value: "x" }, { value: "y" }] },
    { type: "confirm", key: "go", value: { html: hostile }, editable: true },
    { type: "file", key: "scan", required: false },
  )

  test("[P6.15] shows every kind of field with its label, and lets nothing of it be more than text", async () => {
    const { app, show, url } = await scene({ prompt: hostile, fields: everything })
    await using _ = app
    const { status, text, headers } = await show()
    expect(status).toBe(200)
    expect(text).not.toContain("<script")
    expect(text.match(/&lt;script&gt;/g)?.length).toBeGreaterThanOrEqual(8)
    const ids = [...text.matchAll(/<label for="([^"]+)"/g)].map(([, id]) => id)
    expect(ids).toEqual(
      ["f0", "f1", "f2", "f3", "f4", "f7", "f6-value", "f6-comment"].toSorted(
        (a, b) => text.indexOf(`for="${a}"`) - text.indexOf(`for="${b}"`),
      ),
    )
    for (const id of ids) expect(text).toContain(`id="${id}"`)
    expect(text).toContain(`<html lang="en">`)
    expect(text).toMatch(/<option value="a"\s+selected>/)
    expect(text).toMatch(/<input type="number"[^>]*min="18"[^>]*value="20"/)
    expect(headers.get("Content-Security-Policy")).toMatch(
      /^default-src 'none'; style-src 'sha256-[\w+/=]+'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'$/,
    )
    const style = /<style>([\s\S]*?)<\/style>/.exec(text)?.[1] ?? ""
    const hash = new Bun.CryptoHasher("sha256").update(style).digest("base64")
    expect(headers.get("Content-Security-Policy")).toContain(hash)
    for (const [name, value] of [
      ["Cache-Control", "no-store"],
      ["Referrer-Policy", "no-referrer"],
      ["X-Robots-Tag", "noindex, nofollow"],
      ["X-Frame-Options", "DENY"],
    ] as const) {
      expect(headers.get(name)).toBe(value)
    }
    // Nothing is loaded from anywhere, and the link is nowhere in it.
    expect(text).not.toMatch(/src=|href=|http:|https:/)
    expect(text).not.toContain(new URL(url).searchParams.get("token") ?? "")
  })

  test("[P6.15] sends what was filled in as an answer to be checked", async () => {
    const { app, send, show } = await scene({ fields: everything })
    await using _ = app
    const once = /name="once" value="([^"]+)"/.exec((await show()).text)?.[1] ?? ""
    const { status, text } = await send([
      ...([
        ["once", once],
        ["f0", "Li"],
        ["f1", "a\r\nb"],
        ["f2", ""],
        ["f3", "20"],
        ["f4", "a"],
      ] as [string, string][]),
      ...([
        ["f5", "x"],
        ["f5", "y"],
        ["f6", "yes"],
        ["f6-value", '{ "html": "b" }'],
        ["f6-comment", "fine"],
      ] as [string, string][]),
      ["f9", "nobody asked"],
    ])
    expect(status).toBe(200)
    expect(text).toContain("Thank you")
    const go = { approved: true, value: { html: "b" }, comment: "fine" }
    expect(app.chat.asked).toMatchObject([
      {
        client_id: once,
        answer: { name: "Li", note: "a\nb", mail: "", age: "20", seat: "a", meals: ["x", "y"], go },
      },
    ])
  })

  test("[P6.15] tells what is wrong at each field, keeps what was filled in, and speaks the reader's language", async () => {
    const { app, send, path } = await scene({ fields: everything })
    await using _ = app
    app.chat.handleMessage = async () => {
      throw new ChatError("bad_answer", {
        params: { problem: "x" },
        fields: { age: "must be 18 or more", meals: "no" },
      })
    }
    const { status, text } = await send({ f0: hostile, f3: "17", f5: "y", f6: "no" }, `${path}&lang=zh`)
    expect(status).toBe(422)
    expect(text).toContain(`<html lang="zh">`)
    expect(text).toContain(`role="alert"`)
    expect(text).toContain(`<a href="#f3">age：must be 18 or more</a>`)
    expect(text).toMatch(
      /<input type="number" id="f3"[^>]*aria-invalid="true"[^>]*aria-describedby="f3-fault"[^>]*value="17"/,
    )
    expect(text).toMatch(/<fieldset[^>]*id="f5"[^>]*aria-describedby="f5-fault"/)
    expect(text).toMatch(/value="y"\s+checked/)
    expect(text).toMatch(/value="no"\s+required\s+checked/)
    expect(text).not.toContain("<script")
  })

  test("[P6.15] refuses an edit that is no JSON before it goes anywhere, and text that cannot be kept", async () => {
    const { app, send } = await scene({ fields: everything })
    await using _ = app
    const broken = await send({ f0: "Li", f6: "yes", "f6-value": "{" })
    expect(broken.status).toBe(422)
    expect(broken.text).toContain("must be JSON")
    expect((await send({ f0: "a\0b" })).status).toBe(400)
    expect(app.chat.asked).toEqual([])
  })

  test("[P6.15] a question without fields is answered by a text", async () => {
    const { app, send, show } = await scene()
    await using _ = app
    expect((await send({ f0: " " })).status).toBe(422)
    expect((await show()).text).toContain("Your answer")
    await send({ f0: "so" })
    expect(app.chat.asked).toMatchObject([{ answer: "so" }])
  })

  test("[P6.15] what fails is a page with the status of the failure, and is in the log", async () => {
    const { app, send } = await scene()
    await using _ = app
    for (const [error, status] of [
      [new ChatError("draining"), 503],
      [new ChatError("queue_full", { params: { limit: 1 } }), 429],
      [new Error("boom"), 500],
    ] as const) {
      app.chat.handleMessage = () => Promise.reject(error)
      const { status: got, text } = await send({ f0: "x" })
      expect(got).toBe(status)
      expect(text).toStartWith("<!doctype html>")
      expect(text).not.toContain("boom")
    }
    expect(app.log.at(-1)).toMatchObject({ level: "error", fields: { status: 500, code: "internal" } })
    expect(JSON.stringify(app.log)).not.toContain("token=")
  })

  test("[P6.15] a link that has expired while the form was filled in says so", async () => {
    const { app, input, send } = await scene({}, at(now + 61_000))
    await using _ = app
    const token = await issueLink(
      secret,
      { input_id: input.id, user_id: 1, role: "user", expires_at: now + 60_000 },
      testClock,
    )
    const late = await send({ f0: "x" }, `/chat/inputs/${input.id}/answer?token=${token}`)
    expect(late.status).toBe(410)
    expect(late.text).toContain("link has expired")
  })
})
