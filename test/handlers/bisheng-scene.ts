// A fake Bisheng with one workflow, and turns of the handler with it, one after the other as in a chat.
import workflow, { BishengWorkflowOptions } from "../../src/handlers/bisheng-workflow.ts"
import type { HandlerContext, HandlerEvent } from "../../src/handlers/handler.ts"
import type { Part } from "../../src/protocol/message.ts"
import { FakeBisheng, type FakeBishengOptions } from "../support/fake-bisheng/server.ts"
import type { Script } from "../support/fake-bisheng/workflow-script.ts"
import { collect, context, message, type Run } from "./context.ts"

export const workflow_id = "f460a816-edb2-488d-8ccb-701aed1c737d"

type Over = Partial<HandlerContext<BishengWorkflowOptions>>

export interface Scene extends AsyncDisposable {
  readonly fake: FakeBisheng
  readonly options: BishengWorkflowOptions
  /** What the last turn left. */
  checkpoint: unknown
  /** A turn: the person says a text, with parts if any. */
  say(text: string, parts?: Part[], over?: Over, each?: (event: HandlerEvent) => void | Promise<void>): Promise<Run>
  /** A turn: the person answers. */
  answer(answer: Extract<Part, { type: "input" }>["answer"], parts?: Part[], over?: Over): Promise<Run>
}

export function scene(script: Script, options: object = {}, fakeOptions: FakeBishengOptions = {}): Scene {
  const fake = new FakeBisheng(fakeOptions)
  fake.workflows.publish(workflow_id, script)
  const parsed = BishengWorkflowOptions.parse({ base_url: fake.url, workflow_id, ...options })
  const scene: Scene = {
    fake,
    options: parsed,
    checkpoint: null,
    async say(text, parts = [], over = {}, each) {
      const said = message({ message: text, parts, kind: parts.some(({ type }) => type === "file") ? "file" : "text" })
      const given = context({ options: parsed, message: said, checkpoint: scene.checkpoint, ...over })
      const run = await collect(workflow.run(given), each)
      for (const event of run.events) if (event.type === "checkpoint") scene.checkpoint = event.checkpoint
      return run
    },
    answer: (answer, parts = [], over = {}) =>
      scene.say(
        typeof answer === "string" ? answer : JSON.stringify(answer),
        [...parts, { type: "input", input_id: "inp_1", answer }],
        over,
      ),
    [Symbol.asyncDispose]: () => fake[Symbol.asyncDispose](),
  }
  return scene
}

/** The text as a client has it in the end. */
export function textOf(events: readonly HandlerEvent[]): string {
  let text = ""
  for (const event of events) {
    if (event.type === "text") text += event.text
    if (event.type === "rewrite") text = text.slice(0, event.offset) + event.text
  }
  return text
}

export function of<Type extends HandlerEvent["type"]>(run: Run, type: Type): Extract<HandlerEvent, { type: Type }>[] {
  return run.events.filter((event): event is Extract<HandlerEvent, { type: Type }> => event.type === type)
}
