// A node that takes its time, a question, a word at the end. The first time it waits until its file has the line `go`.
import { Annotation, END, interrupt, type LangGraphRunnableConfig, START, StateGraph } from "@langchain/langgraph"
import { defineGraph } from "../../../src/handlers/graph/define.ts"
import { until } from "../until.ts"
import { did, effect } from "./effects.ts"

const State = Annotation.Root({
  words: Annotation<string[]>({ reducer: (before, after) => [...before, ...after], default: () => [] }),
})
type Config = LangGraphRunnableConfig

async function work(_: typeof State.State, config: Config) {
  const run = did(config).filter((line) => line === "begun").length + 1
  effect(config, "begun")
  // It does not look at its signal, as a thread that stood still would not.
  if (run === 1) await until(() => did(config).includes("go"), "the word to go on")
  effect(config, `worked ${run}`)
  return { words: [`run ${run}`] }
}

export default defineGraph({
  name: "gate",
  description: "works, asks, ends",
  build: () =>
    new StateGraph(State)
      .addNode("work", work)
      .addNode("ask", () => ({ words: [`answered ${String(interrupt("Well?"))}`] }))
      .addEdge(START, "work")
      .addEdge("work", "ask")
      .addEdge("ask", END),
  input: () => ({}),
  output: ({ words }) => `All: ${words}.`,
})
