// A conversation as one HTML page that loads nothing and runs nothing, whatever was said in it.
import sanitize from "sanitize-html"
import { type Language, say } from "../language/language.ts"
import type { Message } from "../protocol/message.ts"
import { type Block, blocksOf } from "./blocks.ts"
import { htmlOf } from "./marked-text.ts"
import type { Writer } from "./transcript.ts"

export const html: Writer = {
  head: ({ title, about, language }) => `<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title>
<style>${style}</style>
</head>
<body>
<h1>${escaped(title)}</h1>
<p class="about">${escaped(about)}</p>
`,
  message: (message, heading, language) =>
    `<article class="${message.is_bot ? "bot" : "person"}">
<h2>${escaped(heading)}</h2>
${[bodyOf(message), ...blocksOf(message, language).map(blockOf), endOf(message, language)].filter(Boolean).join("\n")}
</article>
`,
  foot: (words) => `${words ? `<p class="about">${escaped(words)}</p>\n` : ""}</body>\n</html>\n`,
}

const style = `body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#222}
h1{font-size:1.5rem}h2,.about{font-size:.85rem;color:#666;font-weight:normal}
article{margin:1rem 0;padding:.25rem 1rem;border-radius:.5rem;background:#f5f5f5;overflow-wrap:anywhere}
.person{background:#e8f1ff}.text,pre{white-space:pre-wrap}pre,code{background:#0001;border-radius:.25rem}
details,.part{margin:.5rem 0;font-size:.9rem;border-left:3px solid #ccc;padding-left:.75rem}
table{border-collapse:collapse}td,th{border:1px solid #ccc;padding:.2rem .5rem}`

/** What a person wrote is text; a bot writes Markdown. */
function bodyOf({ message, is_bot }: Message): string {
  if (!message) return ""
  const made = is_bot ? htmlOf(message) : undefined
  return made === undefined ? `<div class="text">${escaped(message)}</div>` : sanitize(made, allowed)
}

const allowed: sanitize.IOptions = {
  allowedTags: [
    ...["h1", "h2", "h3", "h4", "h5", "h6", "p", "br", "hr", "blockquote", "pre", "code", "ul", "ol", "li"],
    ...["strong", "em", "del", "a", "table", "thead", "tbody", "tr", "th", "td", "sub", "sup"],
  ],
  allowedAttributes: { a: ["href", "title", "rel"], th: ["align"], td: ["align"], ol: ["start"] },
  allowedSchemes: ["http", "https", "mailto"],
  allowProtocolRelative: false,
  disallowedTagsMode: "escape",
  nestingLimit: 60,
  transformTags: { a: sanitize.simpleTransform("a", { rel: "noopener noreferrer nofollow" }) },
}

function endOf({ state }: Message, language: Language): string {
  return state === "completed" ? "" : `<p class="about">${escaped(say(language, `transcript_message_${state}`))}</p>`
}

function blockOf({ label, text, items, code, url, aside }: Block): string {
  const name =
    url && /^https?:/.test(url)
      ? `<a href="${escaped(url)}" rel="noopener noreferrer nofollow">${escaped(label)}</a>`
      : escaped(label)
  const content = [
    ...(text ? [`<div class="text">${escaped(text)}</div>`] : []),
    ...(items && items.length > 0 ? [`<ul>${items.map((item) => `<li>${escaped(item)}</li>`).join("")}</ul>`] : []),
    ...(code === undefined ? [] : [`<pre>${escaped(code)}</pre>`]),
  ].join("\n")
  if (aside && content) return `<details><summary>${name}</summary>${content}</details>`
  return `<div class="part"><strong>${name}</strong>${content}</div>`
}

function escaped(text: string): string {
  return Bun.escapeHTML(text)
}
