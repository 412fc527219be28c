// The search index and what is found by it, for every kind of database.
import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { systemClock } from "../../src/clock.ts"
import type { Session } from "../../src/protocol/session.ts"
import type { NewMessage } from "../../src/store/append.ts"
import type { Database } from "../../src/store/database.ts"
import { type Search, searchMessages } from "../../src/store/search.ts"
import { indexNext, type Step } from "../../src/store/search-index.ts"
import { Writer } from "../../src/store/writer.ts"
import type { Opened } from "./append-property.ts"
import { appendOf, messageOf, openChat } from "./appends.ts"

const at = (now: number, instance = "ins_1") => ({ instance, now, lease_expires_at: now + 10_000 })

/** Everything that there is to do; how many steps it took. */
async function indexAll(db: Database, instance = "ins_1"): Promise<number> {
  let steps = 0
  for (let step: Step = "more"; step === "more"; steps++) step = await indexNext(db, at(0, instance))
  return steps - 1
}

function stage(db: Database) {
  const writer = new Writer(db, systemClock)
  const append = async (chat: Session, ...said: Partial<NewMessage>[]) => {
    const messages = said.map((one) => messageOf(chat, one))
    const events = messages.map(
      ({ id, is_bot }) => ({ kind: is_bot ? "result" : "message", ref: id, data: null }) as const,
    )
    await writer.append(appendOf(chat, { messages, events }))
    return messages.map(({ id }) => id)
  }
  return {
    writer,
    append,
    say: (chat: Session, ...texts: string[]) => append(chat, ...texts.map((message) => ({ message }))),
    /** The texts of the snippets, in order. */
    async find(q: string, over: Partial<Search> = {}, limit = 20) {
      const { items } = await searchMessages(db, { owner: 1, q, ...over }, { limit })
      return items.map(({ snippet }) => snippet.text)
    },
    /** How often the index knows of a term: of messages that nobody may see as well. */
    async known(term: string) {
      const { rows } = await db.client.execute({
        sql: "select count(*) as times from search_index where search_index match ?",
        args: [`"${term}"`],
      })
      return Number(rows[0]?.times)
    },
  }
}

export function registerSearch(kind: string, open: () => Promise<Opened>): void {
  describe(kind, () => {
    test("what people and bots said is found, in Chinese and in English, the newest first", async () => {
      await using it = await open()
      const { append, say, find } = stage(it.db)
      const chat = await openChat(it.db, { topic: "Trip" })
      const [first] = await say(chat, "The weather in Paris")
      await append(chat, { message: "巴黎今天天气很好", is_bot: true })
      await say(await openChat(it.db), "Weather in Berlin?", "no match")
      expect(await find("weather")).toEqual([])
      await indexAll(it.db)
      expect(await find("weather")).toEqual(["Weather in Berlin?", "The weather in Paris"])
      expect(await find("天气")).toEqual(["巴黎今天天气很好"])
      expect(await find("气")).toEqual(["巴黎今天天气很好"])
      expect(await find("巴黎 很好")).toEqual(["巴黎今天天气很好"])
      expect(await find("巴黎 很坏")).toEqual([])
      const { items } = await searchMessages(it.db, { owner: 1, q: "PARIS" }, { limit: 5 })
      expect(items).toEqual([
        {
          ...{ session_id: chat.id, chat_id: chat.chat_id, flow_id: "default", topic: "Trip", message_id: first ?? "" },
          ...{ seq: 1, is_bot: false, create_time: "2026-01-01T00:00:00.000Z" },
          snippet: { text: "The weather in Paris", marks: [[15, 20]] },
        },
      ])
    })

    test("filters choose by chat, flow, time and who said it; pages follow each other without a hole", async () => {
      await using it = await open()
      const { append, say, find } = stage(it.db)
      const [one, two] = [await openChat(it.db), await openChat(it.db, { flow_id: "other" })]
      for (let round = 0; round < 30; round++) await say(one, `tea ${round}`)
      await append(two, { message: "tea of the bot", is_bot: true, create_time: "2026-02-01T00:00:00.000Z" })
      await indexAll(it.db)
      expect(await find("tea", { session_id: two.id })).toEqual(["tea of the bot"])
      expect(await find("tea", { flow_id: "other" })).toEqual(["tea of the bot"])
      expect(await find("tea", { is_bot: true })).toEqual(["tea of the bot"])
      expect(await find("tea", { since: "2026-02-01T00:00:00.000Z" })).toEqual(["tea of the bot"])
      expect(await find("tea", { until: "2026-01-01T00:00:00.000Z" })).toEqual([])
      const pages: string[][] = []
      let after: number | undefined
      do {
        const page = await searchMessages(it.db, { owner: 1, q: "tea" }, { limit: 7, ...(after ? { after } : {}) })
        pages.push(page.items.map(({ snippet }) => snippet.text))
        after = page.next ?? undefined
      } while (after !== undefined)
      expect(pages.map(({ length }) => length)).toEqual([7, 7, 7, 7, 3])
      const rounds = Array.from({ length: 30 }, (_, round) => `tea ${29 - round}`)
      expect(pages.flat()).toEqual(["tea of the bot", ...rounds])
    })

    test("what is deleted is not found from that moment on, and leaves the index behind it", async () => {
      await using it = await open()
      const { writer, say, find, known } = stage(it.db)
      const [chat, other] = [await openChat(it.db), await openChat(it.db)]
      const [secret = ""] = await say(chat, "secret one", "public one")
      await say(other, "secret two")
      await indexAll(it.db)
      expect(await known("1_secret")).toBe(2)
      const told = { changed: ["messages"], deleted_messages: [secret] }
      await writer.append(
        appendOf(chat, { events: [{ kind: "status", ref: null, data: told }], delete_messages: [secret] }),
      )
      const deletion = { kind: "status", ref: null, data: { changed: ["deleted"] } } as const
      const gone = { deleted_at: "2026-01-02T00:00:00.000Z" }
      await writer.append(appendOf(other, { events: [deletion], session: gone }))
      expect([await find("secret"), await find("one")]).toEqual([[], ["public one"]])
      await indexAll(it.db)
      expect([await known("1_secret"), await known("1_one")]).toEqual([0, 1])
    })

    test("a long chat that is deleted leaves the index in steps, and so does what was said in it at last", async () => {
      await using it = await open()
      const { writer, say, known } = stage(it.db)
      const chat = await openChat(it.db)
      for (let round = 0; round < 13; round++) await say(chat, ...Array.from({ length: 100 }, () => "chatter"))
      await indexAll(it.db)
      expect(await known("1_chatter")).toBe(1300)
      await say(chat, "chatter")
      const deletion = { kind: "status", ref: null, data: { changed: ["deleted"] } } as const
      await writer.append(appendOf(chat, { events: [deletion], session: { deleted_at: "2026-01-02T00:00:00.000Z" } }))
      const left: number[] = []
      while ((await indexNext(it.db, at(0))) === "more") left.push(await known("1_chatter"))
      expect(left).toEqual([1300, 800, 300, 0])
    })

    test("[P6.10] a message is found by its new text, and no longer by what it said before", async () => {
      await using it = await open()
      const { writer, say, find, known } = stage(it.db)
      const chat = await openChat(it.db)
      const [id = ""] = await say(chat, "buy apples")
      await indexAll(it.db)
      const edited_message = { message_id: id, message: "buy pears" }
      await writer.append(
        appendOf(chat, {
          events: [{ kind: "status", ref: id, data: { changed: ["messages"], edited_message } }],
          edit_message: { id, message: "buy pears", parts: [] },
        }),
      )
      expect(await find("apples")).toEqual([])
      await indexAll(it.db)
      expect([await find("apples"), await find("pears"), await known("1_apples")]).toEqual([[], ["buy pears"], 0])
    })

    test("of several instances one does it; when it is gone another goes on; each message is taken once", async () => {
      await using it = await open()
      const { say, find, known } = stage(it.db)
      const chat = await openChat(it.db)
      await say(chat, "first")
      expect(await indexNext(it.db, at(0, "ins_1"))).toBe("idle")
      expect(await find("first")).toEqual(["first"])
      expect(await indexNext(it.db, at(0, "ins_2"))).toBe("idle")
      await say(chat, "second")
      expect(await indexNext(it.db, at(9999, "ins_2"))).toBe("foreign")
      expect(await find("second")).toEqual([])
      expect(await indexNext(it.db, at(10_000, "ins_2"))).toBe("idle")
      expect(await find("second")).toEqual(["second"])
      // Both believe that it is theirs, at the same moment.
      for (let round = 0; round < 20; round++) {
        await say(chat, `both ${round}`, `both ${round}`)
        await Promise.all([
          indexNext(it.db, at(30_000 + round, "ins_2")),
          indexNext(it.db, at(60_000_000 * round, "ins_3")),
        ])
        await indexAll(it.db, "ins_2").catch(() => undefined)
      }
      for (let now = 9e9; (await indexNext(it.db, at(now, "ins_4"))) === "more"; now++);
      const { rows } = await it.db.client.execute("select count(*) as documents from search_index_docsize")
      expect([rows[0]?.documents, await known("1_both"), (await find("both", {}, 100)).length]).toEqual([42, 40, 40])
    })

    test("when the rows are other ones than those that it was made from, the index is made anew", async () => {
      await using it = await open()
      const { say, find, known } = stage(it.db)
      await say(await openChat(it.db), "before the disaster", "more")
      await indexAll(it.db)
      await it.db.client.batch(["delete from events", "delete from messages"], "write")
      await say(await openChat(it.db), "after the disaster")
      await indexAll(it.db)
      expect([await find("disaster"), await known("1_before")]).toEqual([["after the disaster"], 0])
      // By hand, as docs/operations.md says.
      await it.db.client.execute("update search_state set mark = -1")
      await indexAll(it.db)
      expect([await find("disaster"), await known("1_after")]).toEqual([["after the disaster"], 1])
    })

    test("a long backlog is taken in steps of at most fifty events, and a long text is not taken with many others", async () => {
      await using it = await open()
      const { say, find } = stage(it.db)
      const chat = await openChat(it.db)
      for (let round = 0; round < 5; round++)
        await say(chat, ...Array.from({ length: 50 }, (_, n) => `old ${round} ${n}`))
      expect(await indexAll(it.db)).toBe(5)
      for (let round = 0; round < 8; round++) await say(chat, `${"长文".repeat(40_000)} end`)
      expect(await indexAll(it.db)).toBe(2)
      expect((await find("长文", {}, 100)).length).toBe(8)
      // Beyond what is looked through.
      expect(await find("end")).toEqual([])
    })

    test("of any chats of any users, everybody finds all of their own and nothing else", async () => {
      const text = fc.array(fc.constantFrom("天气", "很好", "tea", "teapot", "Tee", "ＴＥＡ", "好 ", " ", "-", "🎉"), {
        maxLength: 6,
      })
      const said = fc.record({ user: fc.integer({ min: 1, max: 12 }), deleted: fc.boolean(), text })
      await fc.assert(
        fc.asyncProperty(
          fc.array(said, { maxLength: 12 }),
          fc.constantFrom("tea", "天气", "气", "好 tea", "🎉", "te"),
          async (all, q) => {
            await using it = await open()
            const { say, writer, find } = stage(it.db)
            const chats = new Map<number, Session>()
            const expected = new Map<number, string[]>()
            for (const { user, deleted, text } of all) {
              const chat = chats.get(user) ?? (await openChat(it.db, { user_id: user }))
              chats.set(user, chat)
              const message = text.join("")
              const [id = ""] = await say(chat, message)
              const data = { changed: ["messages"], deleted_messages: [id] }
              if (deleted)
                await writer.append(
                  appendOf(chat, { events: [{ kind: "status", ref: null, data }], delete_messages: [id] }),
                )
              else expected.set(user, [message, ...(expected.get(user) ?? [])])
            }
            await indexAll(it.db)
            const plain = (one: string) => one.normalize("NFKC").toLowerCase()
            for (const user of [...chats.keys(), 13]) {
              const own = (expected.get(user) ?? []).filter((message) =>
                q.split(" ").every((word) => beginsIn(plain(message), word)),
              )
              expect(await find(q, { owner: user }, 100)).toEqual(own)
            }
          },
        ),
        { numRuns: 25, seed: 20_261_122 },
      )
    })
  })
}

/** Chinese anywhere, letters where no letter goes before. */
function beginsIn(text: string, word: string): boolean {
  return new RegExp(/^[a-z]/.test(word) ? `(?<![a-z])${word}` : word, "u").test(text)
}
