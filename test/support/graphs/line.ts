// Three nodes in a line, each with an effect and a word. `hangs` and `fails` name the node that does so the first time.
import { Annotation, END, type LangGraphRunnableConfig, START, StateGraph } from "@langchain/langgraph"
import { ChatError } from "../../../src/errors.ts"
import { chatOf, defineGraph } from "../../../src/handlers/graph/define.ts"
import { did, effect, untilStopped } from "./effects.ts"

const State = Annotation.Root({
  words: Annotation<string[]>({ reducer: (before, after) => [...before, ...after], default: () => [] }),
})

function node(name: string) {
  return async (_: typeof State.State, config: LangGraphRunnableConfig) => {
    const { hangs, fails, code } = chatOf(config).options
    const begun = `${name} begun`
    const first = !did(config).includes(begun)
    effect(config, begun)
    config.writer?.(`${name}: `)
    if (hangs === name && first) await untilStopped(config)
    if (fails === name && first) throw code === "engine_busy" ? new ChatError(code) : new Error("a secret of the node")
    effect(config, name)
    config.writer?.(`${name} is done. `)
    return { words: [name] }
  }
}

export default defineGraph({
  name: "line",
  description: "one, two, three",
  build: () =>
    new StateGraph(State)
      .addNode("one", node("one"))
      .addNode("two", node("two"))
      .addNode("three", node("three"))
      .addEdge(START, "one")
      .addEdge("one", "two")
      .addEdge("two", "three")
      .addEdge("three", END),
  input: () => ({}),
  output: ({ words }) => `All: ${words}.`,
})
