// Bad input. Whatever comes, the socket stays open, what was accepted stays accepted, and the refusal finds its way back.
import { expect, test } from "bun:test"
import { scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer, type TestServer } from "../support/server.ts"

const bots = () => ({ handlers: { scripted: scriptedHandler().handler } })
const nested = (levels: number) => `${"[".repeat(levels)}${"]".repeat(levels)}`
const said = (data: string) => `{"type":"message","data":${data},"id":"bad","trace_id":"t-bad"}`

/** What is sent -> the code it is refused with. Those in `labelled` carry an id and a trace_id that can be read. */
const unreadable: Record<string, [string | Uint8Array, string]> = {
  "nothing at all": ["", "bad_json"],
  "words that are not JSON": ["hello", "bad_json"],
  "JSON that breaks off": ['{"type":"message"', "bad_json"],
  "JSON with a comma too many": ['{"type":"ping",}', "bad_json"],
  "an array": ['[{"type":"ping"}]', "bad_json"],
  "a string": ['"ping"', "bad_json"],
  "a number": ["42", "bad_json"],
  null: ["null", "bad_json"],
  NaN: ["NaN", "bad_json"],
  "arrays that never end": ["[".repeat(100_000), "bad_json"],
  "objects that never end": ['{"a":'.repeat(20_000), "bad_json"],
  "a binary message": [new TextEncoder().encode('{"type":"ping","id":"bad"}'), "bad_frame"],
  "an empty binary message": [new Uint8Array(), "bad_frame"],
  "bytes at random": [crypto.getRandomValues(new Uint8Array(1000)), "bad_frame"],
}

const labelled: Record<string, [string, string]> = {
  "no type": ['{"id":"bad","trace_id":"t-bad"}', "bad_frame"],
  "an unknown type": ['{"type":"dance","id":"bad","trace_id":"t-bad"}', "bad_frame"],
  "a type of the server's": ['{"type":"result","data":{},"id":"bad","trace_id":"t-bad"}', "bad_frame"],
  "a type that every object has": ['{"type":"constructor","id":"bad","trace_id":"t-bad"}', "bad_frame"],
  "a type named __proto__": ['{"type":"__proto__","id":"bad","trace_id":"t-bad"}', "bad_frame"],
  "a type that is a list": ['{"type":["ping"],"id":"bad","trace_id":"t-bad"}', "bad_frame"],
  "no data": ['{"type":"message","id":"bad","trace_id":"t-bad"}', "bad_frame"],
  "data that is null": [said("null"), "bad_frame"],
  "data that is a list": [said("[]"), "bad_frame"],
  "data that is text": [said('"hello"'), "bad_frame"],
  "an empty text": [said('{"text":""}'), "bad_frame"],
  "a text that is a number": [said('{"text":1}'), "bad_frame"],
  "an unknown kind": [said('{"kind":"song","text":"la"}'), "bad_frame"],
  "a kind named __proto__": [said('{"kind":"__proto__","text":"la"}'), "bad_frame"],
  "an unknown policy": [said('{"text":"a","policy":"push"}'), "bad_frame"],
  "an extra that is an object": [said('{"text":"a","extra":{}}'), "bad_frame"],
  "an extra of 4,097 characters": [said(`{"text":"a","extra":"${"x".repeat(4097)}"}`), "bad_frame"],
  "no files": [said('{"kind":"file","files":[]}'), "bad_frame"],
  "eleven files": [said(`{"kind":"file","files":[${Array(11).fill(file("https://a.org/f"))}]}`), "bad_frame"],
  "a file that is a script": [said(`{"kind":"file","files":[${file("javascript:alert(1)")}]}`), "bad_frame"],
  "a file on the server's disk": [said(`{"kind":"file","files":[${file("file:///etc/passwd")}]}`), "bad_frame"],
  "a file with a lone surrogate in its address": [
    said(`{"kind":"file","files":[${file("https://a.org/\\ud800")}]}`),
    "bad_frame",
  ],
  "a file with U+0000 in its name": [
    said('{"kind":"file","files":[{"name":"a\\u0000","url":"https://a.org/","mime_type":"text/plain"}]}'),
    "bad_frame",
  ],
  "a lone high surrogate": [said('{"text":"a \\ud83d b"}'), "bad_frame"],
  "a lone low surrogate": [said('{"text":"a \\ude00 b"}'), "bad_frame"],
  "a surrogate pair the wrong way round": [said('{"text":"\\ude00\\ud83d"}'), "bad_frame"],
  "U+0000": [said('{"text":"a\\u0000b"}'), "bad_frame"],
  "U+0000 in a command": [said('{"kind":"command","command":"/title a\\u0000b"}'), "bad_frame"],
  "a lone surrogate in an extra": [said('{"text":"a","extra":"\\ud800"}'), "bad_frame"],
  "a lone surrogate as an answer": [said('{"kind":"input","answer":"\\ud800"}'), "bad_frame"],
  "a lone surrogate deep in an answer": [said('{"kind":"input","answer":{"a":[{"b":"\\ud800"}]}}'), "bad_frame"],
  "a lone surrogate as a name in an answer": [said('{"kind":"input","answer":{"\\ud800":1}}'), "bad_frame"],
  "U+0000 deep in an answer": [said('{"kind":"input","answer":["\\u0000"]}'), "bad_frame"],
  "an answer of 101 levels": [said(`{"kind":"input","answer":${nested(102)}}`), "bad_frame"],
  "an answer of 2,000 levels": [said(`{"kind":"input","answer":${nested(2000)}}`), "bad_frame"],
  "an answer of 60,000 levels": [said(`{"kind":"input","answer":${nested(60_000)}}`), "bad_frame"],
  "an answer beyond all numbers": [said('{"kind":"input","answer":1e999}'), "bad_frame"],
  "an input_id of no question": [said('{"kind":"input","answer":1,"input_id":"inp_1"}'), "bad_frame"],
  "a turn_id that is none": ['{"type":"interrupt","data":{"turn_id":"x"},"id":"bad","trace_id":"t-bad"}', "bad_frame"],
  "an ack without a place": ['{"type":"ack","data":{},"id":"bad","trace_id":"t-bad"}', "bad_frame"],
  "an ack of place 0": ['{"type":"ack","data":{"seq":0},"id":"bad","trace_id":"t-bad"}', "bad_frame"],
  "a token that is an object": ['{"type":"auth","data":{"token":{}},"id":"bad","trace_id":"t-bad"}', "bad_frame"],
  "offsets of something else": [
    '{"type":"start","data":{"offsets":{"x":1}},"id":"bad","trace_id":"t-bad"}',
    "bad_frame",
  ],
  "a chat_id that cannot be one": ['{"type":"status","chat_id":"../x","id":"bad","trace_id":"t-bad"}', "bad_frame"],
  "one character more than a message holds": [said(`{"text":"${"x".repeat(10_001)}"}`), "message_too_long"],
  "a command longer than a message": [said(`{"kind":"command","command":"${"x".repeat(10_001)}"}`), "message_too_long"],
  "an answer longer than a message": [said(`{"kind":"input","answer":"${"x".repeat(10_001)}"}`), "message_too_long"],
  "a file's text longer than a message": [
    said(`{"kind":"file","files":[${file("https://a.org/")}],"text":"${"x".repeat(10_001)}"}`),
    "message_too_long",
  ],
  "a frame of one byte too many": [frameOf(131_073), "frame_too_large"],
  "a frame of 1,000,000 bytes": [frameOf(1_000_000), "frame_too_large"],
  "few characters that are many bytes": [said(`{"text":"${"字".repeat(50_000)}"}`), "frame_too_large"],
}

function file(url: string): string {
  return `{"name":"a","url":"${url}","mime_type":"text/plain"}`
}

/** A frame of exactly so many bytes. */
function frameOf(bytes: number): string {
  const frame = said('{"text":""}')
  return frame.replace('""', `"${"x".repeat(bytes - frame.length)}"`)
}

/** Sends a bad frame between two good ones; gives back its refusal. */
async function between(chat: TestServer, frame: string | Uint8Array) {
  const client = await chat.connect({ chat: "c1" })
  expect(await client.say("before", "m1")).toMatchObject({ type: "ack", data: { seq: 1 } })
  await client.send(frame)
  const refusal = await client.next("error")
  expect(await client.say("after", "m2")).toMatchObject({ type: "ack", data: { seq: 2 } })
  expect(client.frames.filter(({ type }) => type === "error").length).toBe(1)

  const reader = await chat.connect({ chat: "c1" })
  await reader.join({ cursor: 0 })
  const texts = reader.events.map(({ data }) => ("message" in data ? data.message : null))
  expect(texts).toEqual(["before", "after"])
  return refusal
}

for (const [what, [frame, code]] of Object.entries(unreadable)) {
  test.concurrent(`[P2.6] ${what} is answered by ${code}; the socket stays open and nothing is lost`, async () => {
    await using chat = await startTestServer(bots())
    const refusal = await between(chat, frame)
    expect(refusal.data).toMatchObject({ code, retry: false })
    expect(refusal).not.toHaveProperty("id")
  })
}

for (const [what, [frame, code]] of Object.entries(labelled)) {
  test.concurrent(`[P2.6] [P2.5] ${what} is answered by ${code} with the frame's id and trace_id`, async () => {
    await using chat = await startTestServer(bots())
    const refusal = await between(chat, frame)
    expect(refusal).toMatchObject({ id: "bad", trace_id: "t-bad", data: { code, id: "bad", retry: false } })
  })
}

test("[P2.6] an id or a trace_id that cannot be one is left out of the refusal", async () => {
  await using chat = await startTestServer(bots())
  const long = "x".repeat(129)
  const refusal = await between(chat, JSON.stringify({ type: "message", data: {}, id: long, trace_id: long }))
  expect(refusal).not.toHaveProperty("id")
  expect(refusal.trace_id).not.toBe(long)
})

test("[P2.5] a frame above 1 MiB closes the socket with 1009; what was accepted before is there", async () => {
  await using chat = await startTestServer(bots())
  const client = await chat.connect({ chat: "c1" })
  await client.say("before")
  await client.send(frameOf(1_048_577))
  expect(await client.closed).toMatchObject({ code: 1009 })
  const reader = await chat.connect({ chat: "c1" })
  await reader.join({ cursor: 0 })
  expect(reader.events.map(({ seq }) => seq)).toEqual([1])
})

test("[P2.5] as much as may be said is taken: 10,000 characters, each kind of character, an answer of 100 levels", async () => {
  const bot = scriptedHandler()
  await using chat = await startTestServer({ handlers: { scripted: bot.handler } })
  const client = await chat.connect({ chat: "c1" })
  const text = `${"a\n\t\u0001\u007f\u2028\ufeff\uffff字😀".repeat(900)}${"x".repeat(100)}`
  expect(text.length).toBe(10_000)
  expect(await client.say(text)).toMatchObject({ type: "ack" })
  const run = await bot.run()
  expect(run.context.message.message).toBe(text)
  void run.yield({ type: "question", prompt: "Go on?" })
  await client.next("end")
  const answer = JSON.parse(nested(100)) as []
  expect(await client.ask({ type: "message", data: { kind: "input", answer } })).toMatchObject({ type: "ack" })
  expect((await bot.run()).context.message.parts).toMatchObject([{ type: "input", answer }])
})

test("[P2.1] unknown keys are passed over, also those that every object has", async () => {
  await using chat = await startTestServer(bots())
  const client = await chat.connect({ chat: "c1" })
  await client.send(
    '{"type":"message","data":{"text":"hello","__proto__":{"kind":"command"},"constructor":1,"later":true},' +
      '"id":"m1","__proto__":{"chat_id":"other"},"toString":1,"v":2}',
  )
  expect(await client.answer("m1")).toMatchObject({ type: "ack", chat_id: "c1" })
  const { data } = await client.next("message")
  expect(data).toMatchObject({ kind: "text", message: "hello" })
  await client.send('{"type":"start","data":{"offsets":{"__proto__":{"x":1}},"__proto__":{"cursor":-1}},"id":"s1"}')
  expect(await client.answer("s1")).toMatchObject({ type: "ack" })
  expect(({} as Record<string, unknown>).chat_id).toBeUndefined()
})
