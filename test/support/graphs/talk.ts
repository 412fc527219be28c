// Says what it is told to, in every way there is. `say`: events for config.writer. `model`: words of a model, with one that nobody
// is to hear. `endless`: it speaks, and goes on until it is stopped. `rounds`: so many before it ends.
import { AIMessage } from "@langchain/core/messages"
import { FakeListChatModel } from "@langchain/core/utils/testing"
import {
  Annotation,
  END,
  type LangGraphRunnableConfig,
  MessagesAnnotation,
  START,
  StateGraph,
} from "@langchain/langgraph"
import { chatOf } from "../../../src/handlers/graph/define.ts"
import { untilStopped } from "./effects.ts"

const State = Annotation.Root({ ...MessagesAnnotation.spec, input: Annotation<string>(), round: Annotation<number>() })

async function talk({ input, round = 0 }: typeof State.State, config: LangGraphRunnableConfig) {
  const { say, model, endless, whole } = chatOf(config).options
  for (const event of Array.isArray(say) ? say : []) config.writer?.(event)
  if (typeof model === "string") {
    await new FakeListChatModel({ responses: ["not for people"] })
      .withConfig({ tags: ["nostream"] })
      .invoke("hm", config)
    await new FakeListChatModel({ responses: [model] }).invoke("hm", config)
    config.writer?.(" (said the model)")
  }
  if (endless === true) {
    config.writer?.("I begin.")
    await untilStopped(config)
  }
  if (whole === true) return { messages: [new AIMessage(`You said: ${input}`)], round: round + 1 }
  return { round: round + 1 }
}

export default new StateGraph(State)
  .addNode("talk", talk)
  .addEdge(START, "talk")
  .addConditionalEdges(
    "talk",
    ({ round }, config) => (round < Number(chatOf(config).options.rounds ?? 1) ? "talk" : END),
    ["talk", END],
  )
