// Files in the form behind a link: chosen, kept, corrected, and then the answer, as any other answer is.
import { expect, test } from "bun:test"
import { createHash } from "node:crypto"
import { jsonOf, png } from "../files/support.ts"
import { faultAt, fileOf, linkScene, offered } from "./link-scene.ts"

const count = { type: "number", key: "count", min: 1 } as const
const scan = { type: "file", key: "scan", label: "Scan" } as const
const exe = new Uint8Array([0x4d, 0x5a, 0x90, 0, 3, 0, 0, 0, 4, 0, 0, 0, 0xff, 0xff, 0, 0])

test("[P6.15] the page asks for files as the fields say, and says how large they may be", async () => {
  await using link = await linkScene([
    scan,
    { ...scan, key: "more", multiple: true, accept: ["image/*", "text/csv"], required: false },
  ])
  const text = await (await fetch(link.url)).text()
  expect(text).toContain(`<form method="post" accept-charset="utf-8" enctype="multipart/form-data">`)
  expect(text).toMatch(/<input type="file" id="f0" name="f0"\s+required\s+aria-describedby="f0-size">/)
  expect(text).toMatch(
    /<input type="file" id="f1" name="f1" multiple\s+accept="image\/\*,text\/csv"\s+aria-describedby/,
  )
  expect(text).toContain("One file, at most 20 MB.")
  expect(await (await fetch(`${link.url}&lang=zh`)).text()).toContain("最多 10 个文件，每个不超过 20 MB。")
})

test("[P6.15] what was chosen is the answer: files of who made the link, with all that uploads are held to", async () => {
  await using link = await linkScene([scan, { ...scan, key: "more", multiple: true }, count])
  const filling = [
    ["f0", fileOf("first", "../../etc/报告.txt")],
    ["f1", fileOf(png, "dot.png")],
    ["f1", fileOf("a,b", "t.csv")],
    ["f2", "2"],
  ] as const
  expect(await link.send(filling)).toMatchObject({ status: 200, text: expect.stringContaining("Thank you") })
  const { answer, files, texts, user_id } = await link.answered()
  const ids = files.map(({ file_id }) => String(file_id))
  expect(answer).toEqual({ scan: ids.slice(0, 1), more: ids.slice(1), count: 2 })
  expect(files).toMatchObject([
    { name: "报告.txt", mime_type: "text/plain", sha256: createHash("sha256").update("first").digest("hex") },
    { name: "dot.png", mime_type: "image/png", size: png.length },
    { name: "t.csv", mime_type: "text/csv" },
  ])
  expect([texts[0], texts[2], user_id]).toEqual(["first", "a,b", 1])
  expect((await link.files()).toSorted()).toEqual(ids.toSorted())
  const listed = await jsonOf(link.chat.fetch("/chat/file/list"))
  expect(listed.data.items).toHaveLength(3)
  // From now on they are files as any other.
  const said = await link.client.ask({ type: "message", data: { kind: "file", files: [{ file_id: ids[0] ?? "" }] } })
  expect(said.type).toBe("ack")
})

test.each([
  ["too large", fileOf("x".repeat(1001)), "has more than 1000 bytes"],
  ["a program", fileOf(exe, "notes.txt"), "Files of type"],
  ["of another type than the field takes", fileOf(png, "dot.png"), "does not take image/png, only text/*"],
  ["empty", fileOf(""), "it is empty"],
] as const)(
  "[P6.15] a file that is %s is a fault of its field; the rest stays filled in, and nothing is kept of it",
  async (_, file, fault) => {
    const env = { FILES_MAX_BYTES: "1000" }
    await using link = await linkScene(
      [
        { ...scan, accept: ["text/*"] },
        { type: "text", key: "note" },
      ],
      env,
    )
    const { status, text } = await link.send([
      ["f0", file],
      ["f1", "as it was"],
    ])
    expect([status, faultAt(text, 0)]).toEqual([422, expect.stringContaining(fault)])
    expect(text).toContain(`value="as it was"`)
    expect([offered(text), await link.files()]).toEqual([[], []])
    expect(
      (
        await link.send([
          ["f0", fileOf("good")],
          ["f1", "as it was"],
        ])
      ).status,
    ).toBe(200)
    expect((await link.answered()).texts).toEqual(["good"])
  },
)

test("[P6.15] too many files, and none where one is needed, are told at the field, in the reader's language", async () => {
  await using link = await linkScene([scan, { ...scan, key: "more", multiple: true, required: false }])
  const none = await link.send([["f0", fileOf("", "")]], "&lang=zh")
  expect([none.status, faultAt(none.text, 0)]).toEqual([422, "必填"])
  const eleven = Array.from({ length: 11 }, (_, at) => ["f1", fileOf(`${at}`)] as const)
  const many = await link.send([["f0", fileOf("a")], ["f0", fileOf("b")], ...eleven], "&lang=zh")
  expect([faultAt(many.text, 0), faultAt(many.text, 1)]).toEqual(["只能有一个文件", "最多 10 个文件"])
  const kept = offered(many.text)
  expect(kept).toHaveLength(11)
  // One more than may be, with those of before: the answer as a whole is refused.
  const again = await link.send([...kept, ["f1", fileOf("the eleventh")]])
  expect([again.status, faultAt(again.text, 1)]).toEqual([422, "takes at most 10 files"])
  expect((await link.send(kept)).status).toBe(200)
  const { texts } = await link.answered()
  expect(texts).toEqual(["a", ..."0123456789"])
  expect(await link.files()).toHaveLength(11)
})

test("[P6.15] a file need not be chosen again when something else is wrong; another one takes its place", async () => {
  await using link = await linkScene([scan, { ...scan, key: "more", multiple: true, required: false }, count])
  const first = await link.send([
    ["f0", fileOf("one", "<b>&.txt")],
    ["f1", fileOf("two")],
    ["f2", "0"],
  ])
  expect([first.status, faultAt(first.text, 2)]).toEqual([422, "must be 1 or more"])
  expect(first.text).toContain("Keep &lt;b&gt;&amp;.txt")
  expect(first.text).not.toMatch(/id="f0" name="f0"[^>]*required/)
  const kept = offered(first.text)
  expect(kept.map(([name]) => name)).toEqual(["f0-kept", "f1-kept"])
  // Its box was cleared.
  const without = await link.send([...kept.slice(1), ["f0", fileOf("", "")], ["f2", "3"]])
  expect([without.status, faultAt(without.text, 0)]).toEqual([422, "is needed"])
  expect((await link.send([...kept, ["f0", fileOf("other")], ["f1", fileOf("three")], ["f2", "3"]])).status).toBe(200)
  const { answer, texts } = await link.answered()
  expect(texts).toEqual(["other", "two", "three"])
  expect(answer).toMatchObject({ more: [kept[1]?.[1], expect.any(String)], count: 3 })
  // What was replaced is gone.
  expect(await link.files()).toHaveLength(3)
})

test("[P6.15] who keeps more files than may be is told so, and not given fewer than were chosen", async () => {
  await using link = await linkScene([{ ...scan, key: "more", multiple: true }, count])
  const ten = (name: string) => Array.from({ length: 10 }, (_, at) => ["f0", fileOf(`${name}${at}`)] as const)
  const first = await link.send([...ten("a"), ["f1", "0"]])
  const both = offered((await link.send([...offered(first.text), ...ten("b"), ["f1", "1"]])).text)
  expect(both).toHaveLength(20)
  const many = await link.send([...both.slice(0, 11), ["f1", "1"]])
  expect([many.status, faultAt(many.text, 0)]).toEqual([422, "takes at most 10 files"])
  expect((await link.send([...both.slice(5, 15), ["f1", "1"]])).status).toBe(200)
  expect((await link.answered()).answer).toEqual({ more: both.slice(5, 15).map(([, id]) => id), count: 1 })
  expect(await link.files()).toHaveLength(10)
})

test("[P6.15] a form with files that is sent twice at once, and once more, is one answer, with its files once", async () => {
  await using link = await linkScene([scan])
  const once = /name="once" value="([^"]+)"/.exec(await (await fetch(link.url)).text())?.[1] ?? ""
  const filling = () =>
    [
      ["once", once],
      ["f0", fileOf("mine")],
    ] as const
  const both = await Promise.all([link.send(filling()), link.send(filling())])
  expect(both.map(({ status }) => status)).toEqual([200, 200])
  expect((await link.send(filling())).status).toBe(200)
  const { answer, texts } = await link.answered()
  expect(texts).toEqual(["mine"])
  expect(await link.files()).toEqual(Object.values(Object(answer)).flat() as string[])
  expect(
    (
      await link.send([
        ["once", "another"],
        ["f0", fileOf("late")],
      ])
    ).status,
  ).toBe(409)
  expect([await link.files(), link.bot.runs]).toMatchObject([{ length: 1 }, 2])
})

test("[P6.15] either encoding of a form is taken, with a file field or without", async () => {
  await using plain = await linkScene([
    count,
    { type: "select", key: "days", multiple: true, options: [{ value: "mo" }, { value: "tu" }] },
  ])
  expect(
    (
      await plain.send([
        ["f0", "2"],
        ["f1", "mo"],
        ["f1", "tu"],
      ])
    ).status,
  ).toBe(200)
  expect((await plain.answered()).answer).toEqual({ count: 2, days: ["mo", "tu"] })
  await using optional = await linkScene([count, { ...scan, required: false }])
  const body = new URLSearchParams({ f0: "2", f1: "notes.txt" })
  expect((await fetch(optional.url, { method: "POST", body })).status).toBe(200)
  expect((await optional.answered()).answer).toEqual({ count: 2 })
})
