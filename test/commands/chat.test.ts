// bun run chat as people and scripts use it: a child process, at a terminal or behind a pipe, against a real service.
import { expect, test } from "bun:test"
import { join } from "node:path"
import { FaultProxy } from "../support/fault-proxy.ts"
import { scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer, type TestServer } from "../support/server.ts"

const command = [process.execPath, join(import.meta.dir, "../../src/commands/chat.ts")]
const CTRL_C = "\x03"
const CTRL_D = "\x04"

/** The environment of somebody on the machine of the service. */
function beside(server: TestServer): Record<string, string> {
  return { PATH: Bun.env.PATH ?? "", DATA_DIR: server.folder, PORT: new URL(server.url).port, HOST: "127.0.0.1" }
}

/** A script: says all its lines at once and closes its end. */
async function script(server: TestServer, lines: string[], args: string[] = [], env: Record<string, string> = {}) {
  const child = Bun.spawn([...command, ...args], {
    env: { ...beside(server), ...env },
    stdin: new Blob([lines.join("\n")]),
    stdout: "pipe",
    stderr: "pipe",
  })
  const [out, notes, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  return { out, notes, code }
}

/** A person at a terminal. */
class Person implements AsyncDisposable {
  readonly #child: Bun.Subprocess
  #screen = ""
  #seen = 0
  #look = () => {}

  constructor(server: TestServer, args: string[] = []) {
    const decoder = new TextDecoder()
    this.#child = Bun.spawn([...command, ...args], {
      env: beside(server),
      terminal: {
        cols: 200,
        rows: 50,
        data: (_terminal, bytes) => {
          this.#screen += decoder.decode(bytes, { stream: true })
          this.#look()
        },
      },
    })
  }

  type(text: string): void {
    this.#child.terminal?.write(text)
  }

  say(text: string): void {
    this.type(`${text}\r`)
  }

  /** Waits until this is on the screen, after what was waited for before; gives what came up to there. */
  async sees(text: string): Promise<string> {
    const from = this.#seen
    while (!this.#screen.includes(text, from)) {
      await Promise.race([
        new Promise<void>((resolve) => {
          this.#look = resolve
        }),
        this.#child.exited.then(() => Promise.reject(new Error(`left without showing ${text}: ${this.#screen}`))),
      ])
    }
    this.#seen = this.#screen.indexOf(text, from) + text.length
    return this.#screen.slice(from, this.#seen)
  }

  get left(): Promise<number> {
    return this.#child.exited
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill()
    await this.#child.exited
    this.#child.terminal?.close()
  }
}

test("a script hears the answers on standard output, and what is said about them on standard error", async () => {
  await using server = await startTestServer()
  const { out, notes, code } = await script(server, ["hello", "", "good bye"])
  expect(out.split("\n")).toEqual([expect.stringMatching(/: hello$/), expect.stringMatching(/: good bye$/), ""])
  expect(notes).toContain("/help")
  expect(code).toBe(0)
})

test("a script's next line waits for the end of the answer before it", async () => {
  const bot = scriptedHandler()
  await using server = await startTestServer({ handlers: { bot: bot.handler } })
  const done = script(server, ["one", "two"])
  for (const word of ["first", "second"]) {
    const run = await bot.run()
    expect(bot.runs).toBe(word === "first" ? 1 : 2)
    await run.yield({ type: "reasoning", text: "not for the script" })
    await run.say(`${word}, `)
    await run.say("indeed")
    expect(bot.runs).toBe(word === "first" ? 1 : 2)
    run.done()
  }
  expect(await done).toMatchObject({ out: "first, indeed\nsecond, indeed\n", code: 0 })
})

test("without --chat the last chat goes on; --chat names one, /new begins one, /open goes back", async () => {
  await using server = await startTestServer()
  await script(server, ["kept", "/title Old one"], ["--chat", "c_old"])
  const { out, code } = await script(server, [
    "/history",
    "/new",
    "fresh",
    "/sessions",
    "/open 2",
    "/history",
    "/open c_old",
  ])
  expect(out.match(/you: kept/g)).toHaveLength(2)
  expect(out).toMatch(/\* 1 .*c_[0-9a-f]{32}.*\n {2}2 .*Old one/)
  expect(code).toBe(0)
})

test("other words with a slash are commands of the service", async () => {
  await using server = await startTestServer()
  const { out, code } = await script(server, ["/stop", "/nonsense"])
  expect(out).toContain("Nothing is running")
  expect(out).toContain("/title")
  expect(code).toBe(0)
})

test("--token, --lang and TOKEN are used; without them the local secret makes a token for --user", async () => {
  await using server = await startTestServer()
  await script(server, ["mine"], ["--user", "7", "--chat", "c_seven"])
  const token = await server.token(7)
  const by = [
    await script(server, ["/history"], ["--token", token, "--chat", "c_seven"], { DATA_DIR: "/nonexistent" }),
    await script(server, ["/history"], ["--chat", "c_seven"], { DATA_DIR: "/nonexistent", TOKEN: token }),
  ]
  for (const { out, code } of by) expect([out.includes("you: mine"), code]).toEqual([true, 0])
  const chinese = await script(server, ["/stop"], ["--url", server.url, "--lang", "zh"])
  expect(chinese.out).toMatch(/\p{Script=Han}/u)
})

test("what cannot work ends with 1 and a sentence that helps", async () => {
  await using server = await startTestServer()
  const cases: [string[], Record<string, string>, RegExp][] = [
    [["--url", "ws://127.0.0.1:1"], {}, /is the service running there\?/],
    [["--token", "nonsense"], {}, /token/],
    [["--url", "nonsense"], {}, /--url must be like/],
    [["--user", "x"], {}, /--user must be a number/],
    [["--flow", "not a flow"], {}, /flow_id/],
    [["--bad"], {}, /usage: bun run chat/],
    [[], { PORT: "many" }, /PORT/],
  ]
  for (const [args, env, sentence] of cases) {
    const { notes, code } = await script(server, ["hi"], args, env)
    expect(notes).toMatch(sentence)
    expect(notes).not.toContain("    at ")
    expect(code).toBe(1)
  }
  const { out, code } = await script(server, [], ["--help"])
  expect([out.startsWith("usage:"), code]).toEqual([true, 0])
})

test("a line that is refused, and an answer that fails, are told and end with 1; the other lines are answered", async () => {
  const bot = scriptedHandler()
  await using server = await startTestServer({ handlers: { bot: bot.handler } })
  const done = script(server, ["x".repeat(10_001), "breaks", "works"])
  const first = await bot.run()
  first.fail(new Error("boom"))
  const second = await bot.run()
  await second.say("fine")
  second.done()
  const { out, notes, code } = await done
  expect([out, code]).toEqual(["fine\n", 1])
  expect(notes).toContain("not sent:")
  expect(notes).toContain("[failed:")
})

test("a person sees the answer as it comes, the thinking dimmed, and the prompt when it is over", async () => {
  const bot = scriptedHandler()
  await using server = await startTestServer({ handlers: { bot: bot.handler } })
  await using person = new Person(server)
  await person.sees("/help")
  await person.sees("> ")
  person.say("hello")
  const run = await bot.run()
  await run.yield({ type: "reasoning", text: "well now" })
  await person.sees("\x1b[2mwell now\x1b[22m")
  await run.say("Good ")
  await person.sees("Good ")
  person.type("typed ahead")
  await run.say("day.")
  expect(await person.sees("day.")).not.toContain("> ")
  run.done()
  await person.sees("> typed ahead")
})

test("Ctrl-C stops the running answer; when nothing runs it leaves", async () => {
  const bot = scriptedHandler()
  await using server = await startTestServer({ handlers: { bot: bot.handler } })
  await using person = new Person(server)
  await person.sees("/help")
  await person.sees("> ")
  person.say("go on for ever")
  const run = await bot.run()
  await run.say("and on ")
  await person.sees("and on ")
  person.type(CTRL_C)
  await run.returned
  expect(run.context.signal.aborted).toBe(true)
  await person.sees("[stopped]")
  await person.sees("> ")
  person.type(CTRL_C)
  expect(await person.left).toBe(0)
})

test("a second Ctrl-C within the same stop leaves; Ctrl-D leaves", async () => {
  const bot = scriptedHandler()
  await using server = await startTestServer({ handlers: { bot: bot.handler } })
  using wire = await FaultProxy.to(server.url)
  await using person = new Person(server, ["--url", `ws://${wire.address}`])
  await person.sees("/help")
  await person.sees("> ")
  person.say("go on")
  await (await bot.run()).say("and on ")
  await person.sees("and on ")
  // With the wire cut the stop cannot be confirmed.
  wire.cut()
  await person.sees("connection lost")
  person.type(CTRL_C)
  person.type(CTRL_C)
  expect(await person.left).toBe(0)
  await using other = new Person(server, ["--chat", "c_quiet"])
  await other.sees("/help")
  await other.sees("> ")
  other.type(CTRL_D)
  expect(await other.left).toBe(0)
})

test("a question with fields is asked field by field; a wrong line is told and asked again", async () => {
  const bot = scriptedHandler()
  await using server = await startTestServer({ handlers: { bot: bot.handler } })
  await using person = new Person(server)
  await person.sees("/help")
  person.say("begin")
  const run = await bot.run()
  void run.yield({
    ...{ type: "question", prompt: "Two things, please." },
    fields: [
      { type: "number", key: "size", label: "How large" },
      {
        type: "select",
        key: "colour",
        options: [
          { value: "r", label: "Red" },
          { value: "g", label: "Green" },
        ],
      },
    ],
  })
  await person.sees("Two things, please.")
  await person.sees("How large (a number):")
  person.say("big")
  await person.sees("[big is not a number]")
  await person.sees("How large (a number):")
  person.say("7")
  await person.sees("2  Green")
  person.say("green")
  const { parts } = (await bot.run()).context.message
  expect(parts).toMatchObject([{ type: "input", answer: { size: 7, colour: "g" } }])
})

test("a file of a form is given by its path, also from the root; a command is one there as well", async () => {
  const bot = scriptedHandler()
  await using server = await startTestServer({ handlers: { bot: bot.handler } })
  const paper = join(server.folder, "my paper.txt")
  await Bun.write(paper, "what it says")
  await using person = new Person(server)
  await person.sees("/help")
  person.say("begin")
  const fields = [
    { type: "file" as const, key: "paper" },
    { type: "file" as const, key: "more", multiple: true },
  ]
  void (await bot.run()).yield({ type: "question", prompt: "Your papers, please.", fields })
  await person.sees("paper (a path):")
  person.say("/nowhere/paper.txt")
  await person.sees("[There is no file /nowhere/paper.txt]")
  person.say("/nonsense")
  await person.sees("There is no command 'nonsense'")
  person.say(paper)
  await person.sees("more (paths, with commas between):")
  person.say(`${paper}, ${paper}`)
  const { message, files } = (await bot.run()).context
  const kept = message.parts.flatMap((part) => (part.type === "file" ? [part] : []))
  expect(kept.map(({ name }) => name)).toEqual(["my paper.txt", "my paper.txt", "my paper.txt"])
  expect(await files.text(kept[0]?.file_id ?? "")).toBe("what it says")
})

test("of a form that is refused only the wrong field is asked for again", async () => {
  const bot = scriptedHandler()
  await using server = await startTestServer({ handlers: { bot: bot.handler } })
  await using person = new Person(server)
  await person.sees("/help")
  person.say("begin")
  const fields = [
    { type: "text" as const, key: "name" },
    { type: "number" as const, key: "size", max: 5 },
    { type: "text" as const, key: "note", required: false },
  ]
  void (await bot.run()).yield({ type: "question", prompt: "Three things, please.", fields })
  await person.sees("name:")
  person.say("Ann")
  await person.sees("size (a number):")
  person.say("7")
  await person.sees("note (may be left empty):")
  person.say("as it was")
  await person.sees("size: must be 5 or less")
  await person.sees("size (a number):")
  person.say("5")
  const { parts } = (await bot.run()).context.message
  expect(parts).toMatchObject([{ type: "input", answer: { name: "Ann", size: 5, note: "as it was" } }])
})

test("a question that waited is asked again by whoever opens the chat; --type chooses the kind of chat", async () => {
  const bot = scriptedHandler()
  const flows = [{ handler: "bot", chat_type: "WORKFLOW" }]
  await using server = await startTestServer({ handlers: { bot: bot.handler }, flows })
  const first = script(server, ["begin"], ["--type", "workflow", "--chat", "c_form"])
  void (await bot.run()).yield({ type: "question", prompt: "Your name?", fields: [{ type: "text", key: "name" }] })
  expect((await first).out).toContain("Your name?")
  const second = script(server, ["Ann"], ["--type", "WORKFLOW"])
  const run = await bot.run()
  expect(run.context.message.parts).toMatchObject([{ type: "input", answer: { name: "Ann" } }])
  await run.say("Thank you.")
  run.done()
  expect(await second).toMatchObject({ out: expect.stringContaining("Thank you."), code: 0 })
})

test("what is said on another device is shown, with its answer", async () => {
  await using server = await startTestServer()
  await using person = new Person(server, ["--chat", "c_shared"])
  await person.sees("/help")
  const other = await server.connect({ chat: "c_shared" })
  await other.say("from my phone")
  await person.sees("[from another device] you: from my phone")
  await person.sees("repeat what you say: from my phone")
  await person.sees("> ")
})

test("a lost connection is told, and so is its return; what was said in between is sent again and answered once", async () => {
  await using server = await startTestServer()
  using wire = await FaultProxy.to(server.url)
  await using person = new Person(server, ["--url", `ws://${wire.address}`, "--chat", "c_cut"])
  await person.sees("/help")
  wire.cut()
  await person.sees("connection lost")
  person.say("are you there?")
  await person.sees("are you there?")
  wire.mend()
  await person.sees("connected again; sending again what was not acknowledged (1)")
  await person.sees("repeat what you say: are you there?")
  await person.sees("> ")
  const answer = await server.fetch("/chat/message/history?chat_id=c_cut")
  const { data } = (await answer.json()) as { data: { items: unknown[] } }
  expect(data.items).toHaveLength(2)
})

test("leaving with something undelivered is told, and ends with 1", async () => {
  await using server = await startTestServer()
  using wire = await FaultProxy.to(server.url)
  await using person = new Person(server, ["--url", `ws://${wire.address}`])
  await person.sees("/help")
  wire.cut()
  await person.sees("connection lost")
  person.say("lost words")
  await person.sees("lost words")
  person.type(CTRL_C)
  person.type(CTRL_C)
  await person.sees("A message was not delivered")
  expect(await person.left).toBe(1)
})
