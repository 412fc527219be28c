// PROTOCOL.md against the code: what the page lists is what there is.
import { expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { errorTable } from "../../src/errors.ts"
import { ClientFrame } from "../../src/protocol/client-frame.ts"
import { ServerFrame } from "../../src/protocol/server-frame.ts"

const page = readFileSync(join(import.meta.dir, "../../src/protocol/PROTOCOL.md"), "utf8")

function ruleOf(number: string): string {
  const rule = new RegExp(`^- \\*\\*${number.replace(".", "\\.")}\\*\\* ([\\s\\S]*?)(?=^- \\*\\*P|^#|^\\|)`, "m").exec(
    page,
  )
  if (!rule?.[1]) throw new Error(`there is no rule ${number}`)
  return rule[1]
}

const words = (text: string): string[] => Array.from(text.matchAll(/`([a-z_]+)`/g), ([, word]) => word ?? "").sort()
const typesOf = (union: { options: readonly { shape: { type: { value: string } } }[] }): string[] =>
  union.options.map(({ shape }) => shape.type.value).sort()

/** The rows of section 8: close code -> what to do. */
const closes = new Map(
  Array.from(page.matchAll(/^\| (\d{4}) \|[^|]*\| ([^|]*?)\s*\|$/gm), ([, code, act]) => [Number(code), act ?? ""]),
)

test("[P2.2] the types that the page lists are those of the schemas, the client's and the server's", () => {
  const [client = "", server = ""] = ruleOf("P2.2").split("The server's:")
  expect(words(client)).toEqual(typesOf(ClientFrame))
  expect(words(server)).toEqual(typesOf(ServerFrame))
})

test("[P8.1] every close code of the table of errors is on the page, and what is on the page is used", () => {
  const used = new Set<number>(Object.values(errorTable).flatMap(({ close }) => close ?? []))
  // Without an error of their own: no sign of life (P8.2), and too slow, which shows as 1006 (P7.5).
  expect([...used, 4012, 4008].sort()).toEqual([...closes.keys()].sort())
})

test("[P8.1] 40xx: the client comes back; 45xx: it does not without a change", () => {
  for (const [code, act] of closes) expect([code, /come back/.test(act)]).toEqual([code, code < 4500])
  for (const [name, { close, retry }] of Object.entries(errorTable)) {
    // `retry` speaks of the same request unchanged: an expired token has to be changed first.
    if (close !== null && name !== "token_expired") expect([name, close < 4500]).toEqual([name, retry])
  }
})

test("[P9.1] every code in the text of the page is in the table of errors", () => {
  const codes = new Set(Object.keys(errorTable))
  const named = [
    ...[
      "bad_json",
      "bad_frame",
      "message_too_long",
      "frame_too_large",
      "id_conflict",
      "not_found",
      "queue_full",
      "busy",
    ],
    ...["session_ended", "no_question", "rate_limited", "origin_forbidden"],
  ]
  for (const code of named) {
    expect(page).toContain(`\`${code}\``)
    expect(codes).toContain(code)
  }
})
