// Three nodes side by side, two of which ask, and one graph within this one, which asks as well. `hangs`, `fails`: the second one
// does, the first time.
import { Annotation, END, interrupt, type LangGraphRunnableConfig, START, StateGraph } from "@langchain/langgraph"
import { chatOf } from "../../../src/handlers/graph/define.ts"
import { did, effect, untilStopped } from "./effects.ts"

const State = Annotation.Root({
  said: Annotation<string[]>({ reducer: (before, after) => [...before, ...after], default: () => [] }),
})
type Config = LangGraphRunnableConfig

async function left(_: typeof State.State, config: Config) {
  effect(config, "left asks")
  const color = interrupt({ prompt: "Which color?", fields: [{ type: "text", key: "color" }] })
  effect(config, "left")
  return { said: [`left ${JSON.stringify(color)}`] }
}

async function middle(_: typeof State.State, config: Config) {
  const first = !did(config).includes("middle begun")
  effect(config, "middle begun")
  if (chatOf(config).options.hangs === "middle" && first) await untilStopped(config)
  const size = interrupt("Which size?")
  if (chatOf(config).options.fails === "middle" && !did(config).includes("middle failed")) {
    effect(config, "middle failed")
    throw new Error("middle fails")
  }
  return { said: [`middle ${size}`] }
}

async function right(_: typeof State.State, config: Config) {
  config.writer?.("right speaks. ")
  effect(config, "right")
  return { said: ["right"] }
}

async function before(_: typeof State.State, config: Config) {
  config.writer?.({ type: "text", text: "within. " })
  effect(config, "within")
  return {}
}

async function asking(_: typeof State.State, config: Config) {
  const name = interrupt("Whose name?")
  const again = interrupt(`Is it ${name}?`)
  effect(config, "named")
  return { said: [`named ${name} ${again}`] }
}

/** Also without defineGraph: a function, with `output` beside it. */
export default function fork() {
  const Within = Annotation.Root({ said: State.spec.said })
  const within = new StateGraph(Within)
    .addNode("before", before)
    .addNode("asking", asking)
    .addEdge(START, "before")
    .addEdge("before", "asking")
    .addEdge("asking", END)
    .compile()
  return new StateGraph(State)
    .addNode("left", left)
    .addNode("middle", middle)
    .addNode("right", right)
    .addNode("within", async (_: typeof State.State, config: Config) => {
      const { said } = await within.invoke({ said: [] }, config)
      return { said }
    })
    .addEdge(START, "left")
    .addEdge(START, "middle")
    .addEdge(START, "right")
    .addEdge(["left", "middle", "right"], "within")
    .addEdge("within", END)
}

export function output({ said }: { said?: unknown }): string {
  return `Said: ${JSON.stringify(said)}`
}
