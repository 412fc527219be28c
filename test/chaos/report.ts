// What a run was, for people.
import type { ChaosResult } from "./chaos.ts"
import type { Violation } from "./checker.ts"
import { wordsFor } from "./plan.ts"

export function reportOf(result: ChaosResult, violations: readonly Violation[]): string {
  const { history, plan, reconnects, lostAnswers, resets, quiet_after_ms, errors } = result
  const happened = history.entries.map((entry) => entry.happened)
  const count = (kind: string) => happened.filter((one) => one.kind === kind).length
  const log = history.chats.flatMap((chat) => chat.log)
  const ends = log.flatMap((event) => (event.type === "end" ? [`${event.data.state} (${event.data.reason})`] : []))
  const acks = happened.filter((one) => one.kind === "acked")
  const refusals = happened.flatMap((one) => (one.kind === "refused" ? [one.code] : []))
  const rows: [string, string | number][] = [
    ["messages sent", `${count("sent")}, in ${history.chats.length} chats`],
    ["acked", `${acks.length}, of them known before: ${acks.filter((ack) => ack.dup).length}`],
    ["refused", words(tally(refusals))],
    ["fate unknown (page closed)", count("unknown")],
    ["events in the logs", `${log.length}, seen by devices: ${count("event")}`],
    ["turns", words(tally(ends))],
    ["pieces of answers seen", count("news")],
    ["faults", `${plan.length}: ${words(tally(plan.map((one) => wordsFor(one).replace(/ of .*/, ""))))}`],
    ["answers of the store lost after the commit", lostAnswers],
    ["connections reset", resets],
    ["devices lost their connection", `${reconnects} times`],
    ["quiet after the last fault", `${(quiet_after_ms / 1000).toFixed(1)} s`],
    ["logged as errors", words(tally(errors.map(gist)))],
    ["violations", violations.length],
  ]
  const table = rows.map(([name, value]) => `  ${name.padEnd(44)} ${value}`).join("\n")
  const told = violations
    .slice(0, 40)
    .map(({ rule, chat, facts }) => `  [${rule}] ${chat} ${JSON.stringify(facts).slice(0, 600)}`)
  return [table, ...told].join("\n")
}

/** Of a line of the log: what, and the code of the error. */
function gist(line: string): string {
  const [, message = line.slice(0, 120)] = /"msg":"([^"]*)"/.exec(line) ?? []
  const [, code = "no code"] = /"code":"([^"]*)"/.exec(line) ?? []
  return `${message} (${code})`
}

function tally(words: readonly string[]): [string, number][] {
  const groups = Map.groupBy(words, (word) => word)
  return [...groups].map(([word, all]): [string, number] => [word, all.length]).sort(([, a], [, b]) => b - a)
}

function words(counts: readonly (readonly [string, number])[]): string {
  return counts.map(([word, count]) => `${count} ${word}`).join(", ") || "none"
}
