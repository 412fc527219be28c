// An intake: a choice, a form that depends on it, a check that asks again with what was wrong, a summary to agree to. It needs no
// model and no network, and shows what a graph can do here.
import { Annotation, END, interrupt, type LangGraphRunnableConfig, START, StateGraph } from "@langchain/langgraph"
import { z } from "zod"
import { timestamp } from "../../../clock.ts"
import { Confirmation, type Field } from "../../../protocol/form.ts"
import { chatOf, defineGraph } from "../define.ts"
import { type Topic, topics, type Word, words } from "./intake-words.ts"

type Details = Readonly<Record<string, string | number>>

const State = Annotation.Root({
  topic: Annotation<Topic>(),
  details: Annotation<Details>(),
  /** What is wrong with the details; null: nothing. */
  fault: Annotation<Word | null>(),
  agreed: Annotation<boolean>(),
})

// The service has checked an answer against its fields; this gives it a type.
const Choice = z.object({ topic: z.enum(topics) })
const Given = z.record(z.string(), z.union([z.string(), z.number(), z.null()]))
const Agreement = z.object({ agreed: z.union([z.boolean().transform((approved) => ({ approved })), Confirmation]) })

type Config = LangGraphRunnableConfig

function word(config: Config, name: Word, params?: Readonly<Record<string, string>>): string {
  return words(chatOf(config).language, name, params)
}

function welcome(_: typeof State.State, config: Config) {
  config.writer?.(word(config, "welcome"))
  return { details: {}, fault: null }
}

function choose(_: typeof State.State, config: Config) {
  const options = topics.map((value) => ({ value, label: word(config, value) }))
  const fields: Field[] = [{ type: "select", key: "topic", label: word(config, "topic"), required: true, options }]
  return Choice.parse(interrupt({ prompt: word(config, "choose"), fields }))
}

function ask({ topic, details, fault }: typeof State.State, config: Config) {
  const asked = word(config, `ask_${topic}`)
  const prompt = fault ? `${word(config, "again", { fault: word(config, fault) })}\n\n${asked}` : asked
  const answer = Given.parse(interrupt({ prompt, fields: fieldsOf(topic, details, config) }))
  return {
    details: Object.fromEntries(
      Object.entries(answer).flatMap(([key, value]) => (value === null || value === "" ? [] : [[key, value]])),
    ),
  }
}

/** What no field can say by itself. */
function check({ details: { email, phone, since, day } }: typeof State.State, config: Config) {
  // Where the person is it may be another day than here: the first and the last that it is anywhere.
  const today = (hours: number) => timestamp(chatOf(config).clock.now() + hours * 3_600_000).slice(0, 10)
  const late = typeof since === "string" && since > today(14)
  const over = typeof day === "string" && day < today(-12)
  const fault: Word | null = !email && !phone ? "fault_contact" : late ? "fault_future" : over ? "fault_past" : null
  return { fault }
}

function confirm(state: typeof State.State, config: Config) {
  const label = word(config, "agree")
  const fields: Field[] = [{ type: "confirm", key: "agreed", label, required: true }]
  const prompt = word(config, "confirm", { summary: summaryOf(state, config) })
  return { agreed: Agreement.parse(interrupt({ prompt, fields })).agreed.approved }
}

function finish(state: typeof State.State, config: Config) {
  const number = chatOf(config).message.id.slice(-8).toUpperCase()
  config.writer?.(word(config, "done", { summary: summaryOf(state, config), number }))
  return {}
}

function fieldsOf(topic: Topic, details: Details, config: Config): Field[] {
  const common = (key: Word) => {
    const value = details[key]
    return { key, label: word(config, key), ...(typeof value === "string" ? { default: value } : {}) }
  }
  const text = (key: Word, required: boolean): Field => ({ type: "text", ...common(key), required, max_length: 2000 })
  const date = (key: Word, required: boolean): Field => ({ type: "text", ...common(key), required, format: "date" })
  const { people } = details
  const count = typeof people === "number" ? { default: people } : {}
  const label = word(config, "people")
  const asked: Record<Topic, Field[]> = {
    problem: [text("description", true), date("since", false)],
    wish: [text("description", true)],
    visit: [
      date("day", true),
      { type: "number", key: "people", label, required: true, integer: true, min: 1, max: 20, ...count },
    ],
  }
  const hint = word(config, "contact_hint")
  const email: Field = { type: "text", ...common("email"), required: false, format: "email", hint }
  return [...asked[topic], email, text("phone", false)]
}

function summaryOf({ topic, details }: typeof State.State, config: Config): string {
  const lines = fieldsOf(topic, {}, config).flatMap(({ key, label }) => {
    const value = details[key]
    return value === undefined ? [] : [`- ${label}: ${value}`]
  })
  return [`- ${word(config, "topic")}: ${word(config, topic)}`, ...lines].join("\n")
}

export default defineGraph({
  name: "intake",
  description: "Takes in a request: a choice, a form, a check, a summary to agree to.",
  build: () =>
    new StateGraph(State)
      .addNode("welcome", welcome)
      .addNode("choose", choose)
      .addNode("ask", ask)
      .addNode("check", check)
      .addNode("confirm", confirm)
      .addNode("finish", finish)
      .addEdge(START, "welcome")
      .addEdge("welcome", "choose")
      .addEdge("choose", "ask")
      .addEdge("ask", "check")
      .addConditionalEdges("check", ({ fault }) => (fault ? "ask" : "confirm"), ["ask", "confirm"])
      .addConditionalEdges("confirm", ({ agreed }) => (agreed ? "finish" : "ask"), ["ask", "finish"])
      .addEdge("finish", END),
  input: () => ({}),
})
