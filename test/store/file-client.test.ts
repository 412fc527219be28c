// A file behind the interface of a libSQL client: what goes in comes out, a batch is all or nothing, and the thread in which it
// is used keeps nobody waiting and nothing alive.
import { expect, test } from "bun:test"
import { join } from "node:path"
import { isFileThreadBusy, openFileClient } from "../../src/store/file-client.ts"
import { temporaryFolder } from "../support/process.ts"

async function opened() {
  const folder = await temporaryFolder()
  const path = join(folder.path, "x.db")
  const client = await openFileClient(path)
  await client.execute("create table kept (id integer primary key, value unique)")
  return {
    client,
    path,
    async [Symbol.asyncDispose]() {
      await client.close()
      await folder[Symbol.asyncDispose]()
    },
  }
}

test("values come back as they went in; booleans as numbers, bytes as an ArrayBuffer", async () => {
  await using it = await opened()
  const values = [null, 0, -1.5, 2 ** 53 - 1, "", "字 😀", true, false, new Uint8Array([0, 255]), Buffer.from("ab"), 5n]
  for (const value of values) {
    const { rows } = await it.client.execute({ sql: "select ? as value", args: [value] })
    const back = rows[0]?.value
    const expected =
      typeof value === "boolean" || typeof value === "bigint"
        ? Number(value)
        : value instanceof Uint8Array
          ? new Uint8Array(value)
          : value
    expect(back instanceof ArrayBuffer ? new Uint8Array(back) : back).toEqual(expected)
  }
  const named = await it.client.execute({ sql: "select :a as a, @b as b", args: { a: 1, "@b": "two" } })
  expect(named.rows).toEqual([expect.objectContaining({ a: 1, b: "two" })])
})

test("a row is read by name and by place, also where two columns have one name", async () => {
  await using it = await opened()
  const { columns, rows } = await it.client.execute("select 1 as a, 2 as a, 3 as b")
  const [row] = rows
  if (!row) throw new Error("no row")
  expect(columns).toEqual(["a", "a", "b"])
  expect(Array.prototype.slice.call(row)).toEqual([1, 2, 3])
  expect(Object.keys(row)).toEqual(["a", "b"])
})

test("a batch of which one statement fails leaves nothing, and the next one works", async () => {
  await using it = await opened()
  const faulty = it.client.batch(["insert into kept values (1, 'a')", "insert into kept values (2, 'a')"], "write")
  expect(await faulty.catch((error: unknown) => error)).toMatchObject({ code: "SQLITE_CONSTRAINT" })
  expect((await it.client.execute("select count(*) as n from kept")).rows[0]?.n).toBe(0)
  const [, read] = await it.client.batch(["insert into kept values (1, 'a')", "select value from kept"], "write")
  expect(read?.rows[0]?.value).toBe("a")
})

test("a statement that is kept prepared knows of tables that were changed since", async () => {
  await using it = await opened()
  await it.client.execute("insert into kept values (1, 'a')")
  const all = async () => (await it.client.execute("select * from kept")).columns
  expect(await all()).toEqual(["id", "value"])
  await it.client.migrate(["alter table kept add column more"])
  expect(await all()).toEqual(["id", "value", "more"])
})

test("many different statements are not all kept prepared, and each gives what it should", async () => {
  await using it = await opened()
  const numbers = Array.from({ length: 500 }, (_, n) => n)
  const asked = await Promise.all(numbers.map((n) => it.client.execute(`select ${n} as n`)))
  expect(asked.map(({ rows }) => rows[0]?.n)).toEqual(numbers)
})

test("a client that is closed refuses; opened again it goes on with what is in the file", async () => {
  await using it = await opened()
  await it.client.execute("insert into kept values (1, 'a')")
  const last = it.client.execute("insert into kept values (2, 'b')")
  await it.client.close()
  // What was asked before the end is done.
  await last
  expect(await it.client.execute("select 1").catch((error: unknown) => error)).toMatchObject({ code: "CLIENT_CLOSED" })
  await it.client.reconnect()
  expect((await it.client.execute("select count(*) as n from kept")).rows[0]?.n).toBe(2)
})

test("what cannot be sent to the thread is refused, and nothing waits for it", async () => {
  await using it = await opened()
  const args = [(() => 1) as unknown as string]
  expect(await it.client.execute({ sql: "select ?", args }).catch((error: unknown) => error)).toBeInstanceOf(Error)
  expect(isFileThreadBusy()).toBe(false)
  expect((await it.client.execute("select 1 as n")).rows[0]?.n).toBe(1)
})

test("the loop goes on while a statement takes its time", async () => {
  await using it = await opened()
  let turns = 0
  const timer = setInterval(() => turns++, 1)
  await it.client.execute(
    "with recursive c(x) as (select 1 union all select x + 1 from c where x < 1000000) select max(x) from c",
  )
  clearInterval(timer)
  expect(turns).toBeGreaterThan(5)
})

test("a script that asks and does not close ends by itself, after the answer", async () => {
  await using folder = await temporaryFolder()
  const script = join(folder.path, "script.ts")
  const module = join(import.meta.dir, "../../src/store/file-client.ts")
  await Bun.write(
    script,
    `import { isFileThreadBusy, openFileClient } from ${JSON.stringify(module)}
const client = await openFileClient(${JSON.stringify(join(folder.path, "y.db"))})
const { rows } = await client.execute("select 7 as n")
console.log(rows[0].n)`,
  )
  const child = Bun.spawn([process.execPath, script], { stdio: ["ignore", "pipe", "inherit"], timeout: 4000 })
  expect([await child.stdout.text(), await child.exited]).toEqual(["7\n", 0])
})
