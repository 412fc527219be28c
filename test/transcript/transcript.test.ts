// A conversation as a file: everything in it can be read, and nothing in it acts.
import { expect, test } from "bun:test"
import fc from "fast-check"
import { systemClock } from "../../src/clock.ts"
import type { Language } from "../../src/language/language.ts"
import { Message, type Part } from "../../src/protocol/message.ts"
import type { TranscriptFormat } from "../../src/protocol/rest-export.ts"
import { fileNameOf, transcriptOf } from "../../src/transcript/transcript.ts"
import { messageRow, minute, sessionRow } from "../http/rows.ts"

const session = sessionRow({ chat_id: "c", topic: "A trip to 北京", create_time: minute(0) })

async function transcript(format: TranscriptFormat, messages: readonly Message[], language: Language = "en") {
  async function* pages() {
    yield messages
  }
  let text = ""
  for await (const piece of transcriptOf({ session, format, language, pages: pages(), clock: systemClock }))
    text += piece
  return text
}

const person = (message: string, parts: Part[] = []) => messageRow(session, { seq: 1, message, parts })
const bot = (message: string, parts: Part[] = [], over: Partial<Message> = {}) =>
  messageRow(session, { seq: 2, message, parts, ...over })

const everyPart: Part[] = [
  { type: "reasoning", text: "Let me think." },
  {
    ...{ type: "tool", tool_call_id: "t1", name: "search_web", state: "completed" },
    ...{ input: { query: "weather" }, output: ["sunny"] },
  },
  { type: "step", step_id: "s1", name: "Collect", state: "failed", detail: "no network" },
  {
    ...{ type: "question", input_id: `inp_${"0".repeat(32)}`, prompt: "Which day?" },
    fields: [{ type: "text", key: "day", label: "Day", required: true }],
  },
  {
    type: "citation",
    citation_id: "c1",
    title: "Almanac",
    url: "https://a.test/almanac?x=1",
    quote: "It will be sunny",
  },
  { type: "file", name: "plan.pdf", url: "https://a.test/plan.pdf", mime_type: "application/pdf", size: 12 },
  { type: "guide", words: "Ask me about weather", questions: ["How is it in Rome?"] },
]
const answer: Part = { type: "input", input_id: `inp_${"0".repeat(32)}`, answer: { day: "Monday", sizes: ["s", "m"] } }

test.each(["md", "html"] as const)(
  "[P6.19] as %s, tool calls, steps, questions, answers, citations and files can be read",
  async (format) => {
    const text = await transcript(format, [person("{}", [answer]), bot("It will be **fine**.", everyPart)])
    // Without the marks of the format.
    const words = text.replaceAll(/\\(.)/g, "$1").replaceAll(/^> ?/gm, "").replaceAll("&quot;", '"')
    for (const part of [
      ...["A trip to 北京", "Let me think.", "Tool search_web: done", '"query": "weather"', '"sunny"'],
      ...["Step Collect: failed", "no network", "Which day?", "Day", "day: Monday", "sizes: s, m"],
      ...["Source: Almanac", "https://a.test/almanac?x=1", "It will be sunny", "plan.pdf (application/pdf, 12 B)"],
      ...["https://a.test/plan.pdf", "Ask me about weather", "How is it in Rome?", "2025-01-01 00:02 UTC"],
    ])
      expect(words).toContain(part)
  },
)

test("[P6.19] as JSON, the messages are those of the API", async () => {
  const messages = [person("{}", [answer]), bot("fine", everyPart)]
  const made = JSON.parse(await transcript("json", messages)) as { session: unknown; messages: unknown[] }
  expect(made.session).toEqual(session)
  expect(made.messages.map((message) => Message.parse(message))).toEqual(messages)
  expect(JSON.parse(await transcript("json", []))).toEqual({ session, messages: [] })
})

test("[P6.19] in the caller's language; what broke off says so; an empty one says so", async () => {
  const broken = await transcript("md", [bot("half", [], { state: "interrupted" })], "zh")
  expect(broken).toContain("机器人")
  expect(broken).toContain("回答在此处被中断")
  for (const format of ["md", "html"] as const)
    expect(await transcript(format, [])).toContain("Nothing has been said yet.")
})

test("[P6.19] a bot's Markdown is shown as such, a person's words as they are", async () => {
  const html = await transcript("html", [
    person("# not a *heading*"),
    bot("# heading\n\n| a | b |\n|---|---|\n| 1 | 2 |"),
  ])
  expect(html).toContain('<div class="text"># not a *heading*</div>')
  expect(html).toContain("<h1>heading</h1>")
  expect(html).toContain("<td>1</td>")
})

const attacks = [
  "<script>alert(1)</script>",
  "<img src=x onerror=alert(1)>",
  "[click](javascript:alert(1))",
  "[click](java&#115;cript:alert(1))",
  "[click](  JaVaScRiPt:alert(1))",
  "[a]: javascript:alert(1)\n\n[a]",
  "![x](data:text/html;base64,PHNjcmlwdD4=)",
  "<a href='vbscript:x'>a</a>",
  '<div style="position:fixed" onclick="x()">',
  "</article></body><script>x()</script>",
  "<svg><animate onbegin=alert(1)>",
  "<iframe srcdoc='<script>x()</script>'></iframe>",
  "<!-- --!><script>x()</script>",
  "`<script>` ```\n<script>x()</script>",
  '<https://a.test/"onclick=x()>',
  "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
]

/** As a browser follows it. */
function leadsAway(href: string): boolean {
  const named: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"' }
  const address = href
    .replaceAll(/&#(x?)([0-9a-f]+);?/gi, (_, x, digits) => String.fromCodePoint(Number.parseInt(digits, x ? 16 : 10)))
    .replaceAll(/&(amp|lt|gt|quot);/g, (_, name) => named[name] ?? "")
  const url = URL.parse(address, "https://page.test/")
  return url !== null && !["http:", "https:", "mailto:"].includes(url.protocol)
}

/** What a browser would do with it: by a parser, not by looking for words. */
function actsOf(html: string): string[] {
  const acts: string[] = []
  new HTMLRewriter()
    .on("*", {
      element(element) {
        const known =
          /^(html|head|meta|title|style|body|article|h[1-6]|p|div|strong|em|del|ul|ol|li|a|br|hr|pre|code|table|thead|tbody|tr|th|td|blockquote|details|summary|sub|sup)$/
        if (!known.test(element.tagName)) acts.push(element.tagName)
        for (const [name, value] of element.attributes) {
          if (!/^(href|rel|class|title|lang|charset|http-equiv|content|name|align|start)$/.test(name)) acts.push(name)
          if (name === "href" && leadsAway(value)) acts.push(value)
        }
      },
    })
    .transform(html)
  return acts
}

test.each(attacks)("[P6.19] nothing acts in the page of %j, whoever wrote it", async (attack) => {
  const citation: Part = { type: "citation", citation_id: "c", title: attack.slice(0, 400), quote: attack }
  const step: Part = { type: "step", step_id: "s", name: attack.slice(0, 200), state: "completed", detail: attack }
  const html = await transcript("html", [person(attack, [answer]), bot(attack, [citation, step])])
  expect(actsOf(html)).toEqual([])
  expect(actsOf(`<p>${attack}</p>`).length + (attack.includes("](") || attack.includes("]:") ? 1 : 0)).toBeGreaterThan(
    0,
  )
})

test("[P6.19] nothing acts, whatever is written", async () => {
  const pieces = fc.constantFrom(
    ...attacks,
    ...[
      "<",
      ">",
      "`",
      "```",
      "\n",
      "\n\n",
      '"',
      "'",
      "&lt;",
      "[",
      "](",
      ")",
      "*",
      "a",
      "> ",
      "- ",
      "|",
      "<!--",
      "-->",
      "javascript:",
    ],
  )
  await fc.assert(
    fc.asyncProperty(fc.array(pieces, { maxLength: 30 }), async (written) => {
      const text = written.join("")
      expect(actsOf(await transcript("html", [person(text), bot(text)]))).toEqual([])
    }),
    { numRuns: 300 },
  )
})

test("[P6.19] in Markdown, what would act or leave something open stands as it was written", async () => {
  const after = bot("*after*", [], { seq: 4 })
  // The one is a link like others.
  for (const attack of attacks.filter((one) => !one.startsWith("<https:"))) {
    const text = await transcript("md", [bot(attack), after])
    // Within a fence that nothing in it closes.
    expect(text).toContain(`\n${attack}\n\`\`\``)
  }
  const open = await transcript("md", [bot("```js\nlet a"), after])
  expect(open).toContain("```js\nlet a\n```\n")
  expect(open).toContain("\n*after*\n")
  expect(await transcript("md", [bot("Use `<b>` or\n\n```html\n<script>\n```"), after])).toContain("Use `<b>` or\n")
})

test("[P6.19] what is too long, or nested too deeply, to be read as Markdown is shown as it was written", async () => {
  for (const text of ["_a".repeat(30_000), "> ".repeat(2000), "[".repeat(5000)]) {
    expect(await transcript("html", [bot(text)])).toContain(Bun.escapeHTML(text))
    expect(await transcript("md", [bot(text)])).toContain(`\`\`\`\n${text}\n\`\`\``)
  }
})

test("[P6.19] the file's name is the title, as every file system takes it", () => {
  expect(fileNameOf(session, "md")).toBe("A trip to 北京.md")
  expect(fileNameOf({ ...session, topic: '../a/b:c*"?\n' }, "html")).not.toMatch(/[\\/:*?"<>|\n]|^\./)
  expect(fileNameOf({ ...session, topic: null }, "json")).toBe("c.json")
})
