// What becomes of files that came by a question's link, whenever the service died in between: the store says it.
import { expect, test } from "bun:test"
import { loadConfig } from "../../src/config.ts"
import { openFiles } from "../../src/files/open.ts"
import { silentLog } from "../../src/log.ts"
import { openTestDatabase } from "../http/database.ts"
import { idOf, insertInput, insertMessages, insertSession, minute } from "../http/rows.ts"
import { now, testClock } from "../http/support.ts"
import { filesIn } from "./support.ts"

const hour = 3_600_000

async function scene() {
  const db = await openTestDatabase()
  const time = { now }
  const clock = { ...testClock, now: () => time.now }
  const config = { ...loadConfig({}), data_dir: db.folder }
  const { held, keeper } = openFiles(config, { db, clock, log: silentLog })
  const bytes = async function* () {
    yield new TextEncoder().encode("hello")
  }
  const hold = async (held_for: string) =>
    (await held.keep({ user_id: 1, held_for, room: 10 }, { name: "a.txt" }, bytes())).id
  const kept = async () => (await filesIn({ folder: db.folder })).toSorted()
  return { db, held, keeper, hold, kept, time }
}

test("[P6.15] a crash between an answer and its files costs none: what the answer has stays, for good; the rest goes", async () => {
  const { db, held, hold, kept, time } = await scene()
  await using _ = db
  const session = await insertSession(db)
  const answered_by = idOf("msg")
  const { id } = await insertInput(db, session, { answered_by, closed_at: minute(1) })
  const inAnswer = await hold(id)
  const [replaced] = [await hold(id), await hold((await insertInput(db, session)).id)]
  await insertMessages(db, session, 1, () => ({
    id: answered_by,
    kind: "input",
    parts: [
      { type: "input", input_id: id, answer: { scan: [inAnswer] } },
      { ...{ type: "file", file_id: inAnswer, name: "a.txt", url: "/x", mime_type: "text/plain" } },
    ],
  }))
  // Not even when it is asked for.
  await held.drop(id, [inAnswer])
  await held.tidy()
  expect(await kept()).not.toContain(replaced)
  expect(await kept()).toHaveLength(2)
  time.now += 100 * 24 * hour
  await held.tidy()
  expect(await kept()).toEqual([inAnswer])
})

test("[P6.15] a form whose person never came back leaves its files for a day; for an hour less it can be sent again", async () => {
  const { db, held, hold, kept, time } = await scene()
  await using _ = db
  const { id } = await insertInput(db, await insertSession(db))
  const file = await hold(id)
  time.now += 23 * hour - 1
  await held.tidy()
  expect((await held.find(id, [file])).map((row) => row.id)).toEqual([file])
  time.now += 1
  await held.tidy()
  expect([await held.find(id, [file]), await kept()]).toEqual([[], [file]])
  time.now += hour
  await held.tidy()
  expect(await kept()).toEqual([])
})

test("[P6.15] files of a question that is there no longer go; files that are nobody's answer but their owner's stay", async () => {
  const { db, held, keeper, hold, kept } = await scene()
  await using _ = db
  const own = await keeper.keep({ user_id: 1 }, { name: "a.txt" }, [new TextEncoder().encode("mine")])
  await hold(idOf("inp"))
  await held.tidy()
  expect(await kept()).toEqual([own.id])
})
