// What a client may send, and what it may not: arbitrary frames, from proper to hostile.
import fc from "fast-check"

/** A frame as text or bytes. With `id`: it can be read from it, so the answer must carry it. */
const policies = ["enqueue", "interrupt", "merge", "latest", "reject"]

export interface Sent {
  readonly raw: string | Uint8Array
  readonly id?: string
}

export interface World {
  /** Chats of the sender, of others, and of nobody. */
  readonly chats: readonly string[]
  /** Stands in every text that the sender says. */
  readonly mark: string
  readonly token: string
}

const nested = (levels: number) => `${"[".repeat(levels)}${"]".repeat(levels)}`

function texts(mark: string): fc.Arbitrary<string> {
  return fc
    .oneof(
      fc.string({ unit: "grapheme", maxLength: 40 }),
      fc.string({ unit: "binary", maxLength: 20 }),
      fc.constantFrom("", "\ud83d", "\ude00\ud83d", "\0", "字".repeat(60), "x".repeat(190), "x".repeat(500)),
    )
    .map((text) => `${mark} ${text}`)
}

function datas({ mark, token }: World): fc.Arbitrary<{ type: string; data?: unknown }> {
  const policy = fc.constantFrom({}, {}, {}, { policy: "reject" }, ...policies.map((policy) => ({ policy })), {
    extra: `${mark} extra`,
  })
  const file = { name: `${mark}.txt`, url: "https://files.example.org/a", mime_type: "text/plain" }
  const words = ["/help", `/title ${mark}`, "/title", "/stop", "/nothing", ""]
  const said = fc.oneof(
    { weight: 6, arbitrary: texts(mark).map((text) => ({ text })) },
    fc.constantFrom(...words).map((command) => ({ kind: "command", command })),
    fc.constantFrom(file, { ...file, url: "javascript:1" }).map((one) => ({ kind: "file", files: [one], text: mark })),
    fc.oneof(texts(mark), fc.jsonValue({ maxDepth: 4 })).map((answer) => ({ kind: "input", answer })),
  )
  const cursor = fc.oneof(fc.nat(30), fc.constantFrom(-1, 0.5, 1e9, "1", null))
  return fc.oneof(
    {
      weight: 8,
      arbitrary: fc.tuple(said, policy).map(([data, more]) => ({ type: "message", data: { ...data, ...more } })),
    },
    { weight: 2, arbitrary: fc.record({ cursor }, { requiredKeys: [] }).map((data) => ({ type: "start", data })) },
    {
      weight: 2,
      arbitrary: fc.constantFrom({ type: "interrupt" }, { type: "status" }, { type: "pong" }, { type: "ping" }),
    },
    fc.constantFrom(
      { type: "ack", data: { seq: 3 } },
      { type: "ack", data: {} },
      { type: "start", data: { offsets: {} } },
    ),
    fc.constantFrom(token, "no token", "").map((fresh) => ({ type: "auth", data: { token: fresh } })),
    { weight: 1, arbitrary: fc.constantFrom({ type: "end" }, { type: "result" }, { type: "status", data: [] }) },
  )
}

/** A proper envelope around what may be proper data. */
function framed(world: World): fc.Arbitrary<(id: string) => object> {
  const chat = fc.option(fc.constantFrom(...world.chats), { nil: undefined, freq: 3 })
  return fc.tuple(datas(world), chat).map(([frame, chat_id]) => (id: string) => ({
    ...frame,
    id,
    trace_id: `trace of ${id}`,
    ...(chat_id === undefined ? {} : { chat_id }),
  }))
}

/** One of the sender's frames, some of them damaged. `id` is free to be used. */
export function frames(world: World): fc.Arbitrary<(id: string) => Sent> {
  const keys = fc.constantFrom("type", "data", "trace_id", "chat_id", "__proto__", "seq", "later")
  const damaged = fc
    .tuple(framed(world), keys, fc.option(fc.jsonValue({ maxDepth: 3 })))
    .map(([frame, key, value]) => (id: string): Sent => {
      const entries = Object.entries(frame(id)).filter(([name]) => name !== key)
      const raw = JSON.stringify(Object.fromEntries(entries))
      const damage = value === null ? "" : `,${JSON.stringify(key)}:${JSON.stringify(value)}`
      return { raw: `${raw.slice(0, -1)}${damage}}`, id }
    })
  const garbage = fc.oneof(
    fc.string({ unit: "binary", maxLength: 100 }),
    fc.jsonValue().map((value) => JSON.stringify(Array.isArray(value) ? value : [value])),
    fc.uint8Array({ maxLength: 200 }),
    fc.constantFrom('{"type":"message"', "[".repeat(50_000), '{"a":'.repeat(5000), "null", '"x"', "﻿{}"),
  )
  const large = fc.tuple(fc.constantFrom(300, 19_000, 60_000, 900_000), fc.constantFrom("x", "字", "😀")).map(
    ([units, unit]) =>
      (id: string): Sent => ({
        raw: JSON.stringify({ type: "message", id, data: { text: `${world.mark} ${unit.repeat(units / 4)}` } }),
        id,
      }),
  )
  const deep = fc.constantFrom(5, 99, 100, 101, 900, 1100, 8000).map(
    (levels) =>
      (id: string): Sent => ({
        raw: `{"type":"message","id":"${id}","data":{"kind":"input","answer":${nested(levels)}}}`,
        id,
      }),
  )
  const proper = framed(world).map(
    (frame) =>
      (id: string): Sent => ({ raw: JSON.stringify(frame(id)), id }),
  )
  return fc.oneof(
    { weight: 10, arbitrary: proper },
    { weight: 3, arbitrary: damaged },
    { weight: 2, arbitrary: garbage.map((raw) => () => ({ raw })) },
    { weight: 1, arbitrary: large },
    { weight: 1, arbitrary: deep },
  )
}
