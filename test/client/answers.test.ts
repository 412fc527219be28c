// The answers that are being given, put together from their pieces.
import { expect, test } from "bun:test"
import { Answers } from "../../src/client/answers.ts"
import type { Progress } from "../../src/protocol/server-frame.ts"

const about = { turn_id: "trn_1", message_id: "msg_1" }
const piece = (offset: number, text: string, generation?: number): Progress => ({
  ...{ kind: "text", ...about, offset, text },
  ...(generation === undefined ? {} : { generation }),
})

function told(...pieces: Progress[]) {
  const answers = new Answers()
  const news = pieces.map((one) => {
    const heard = answers.merge(one)
    return heard && typeof heard === "object" && heard.kind === "text" ? heard.text : heard
  })
  return { answers, news }
}

test("[P6.9] pieces of a later run take back what the earlier one said, tools and steps included", () => {
  const tool = { type: "tool" as const, tool_call_id: "1", name: "n", state: "running" as const }
  const { answers, news } = told(
    { kind: "tool", ...about, tool },
    piece(0, "Once upon "),
    piece(10, "a midnight"),
    piece(0, "Once ", 2),
    piece(20, " dreary"),
    piece(5, "more", 2),
  )
  expect(news.slice(1)).toEqual(["Once upon ", "Once upon a midnight", "Once ", null, "Once more"])
  expect(answers.open.get("msg_1")).toMatchObject({ text: "Once more", generation: 2, tools: new Map() })
})

test("[P6.9] a later run that has said nothing yet clears what was shown; without an earlier one it is no news", () => {
  expect(told(piece(0, "Once"), piece(0, "", 2)).news).toEqual(["Once", ""])
  expect(told(piece(0, "", 2)).news).toEqual([null])
})

test("[P6.9] a later run whose beginning was missed is a gap: nothing of two runs is ever joined", () => {
  const { answers, news } = told(piece(0, "Once upon"), piece(5, "more", 2), piece(0, "Once more", 2))
  expect(news).toEqual(["Once upon", "gap", "Once more"])
  expect(answers.open.get("msg_1")?.text).toBe("Once more")
})
