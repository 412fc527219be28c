// The handler contract for the handlers that speak to Bisheng.
import assistant, { BishengAssistantOptions } from "../../src/handlers/bisheng-assistant.ts"
import linsight, { BishengLinsightOptions } from "../../src/handlers/bisheng-linsight.ts"
import workflow, { BishengWorkflowOptions } from "../../src/handlers/bisheng-workflow.ts"
import { FakeBisheng } from "../support/fake-bisheng/server.ts"
import * as up from "../support/fake-bisheng/workflow-script.ts"
import { registerHandlerContract } from "./handler.contract.ts"

const ids = {
  echo: "f460a816-edb2-488d-8ccb-701aed1c737d",
  endless: "f460a816-edb2-488d-8ccb-701aed1c737e",
  asking: "f460a816-edb2-488d-8ccb-701aed1c737f",
}

/** A long time in small pieces. */
const soon = () => new Promise<void>((resolve) => setTimeout(resolve, 5))

registerHandlerContract("bisheng_workflow", {
  async make() {
    const fake = new FakeBisheng()
    fake.workflows.publish(ids.echo, function* () {
      yield up.guideWord("Welcome")
      const { user_input } = yield up.dialog()
      yield up.outputMsg(`You said: ${user_input}`)
      yield up.delta("", { reasoning: "Hm." })
      for (const unit of String(user_input).split("")) yield up.delta(unit)
      yield up.streamEnd(String(user_input))
    })
    fake.workflows.publish(ids.endless, function* () {
      for (;;) {
        yield up.delta("word ")
        yield { wait: soon() }
      }
    })
    fake.workflows.publish(ids.asking, function* () {
      yield up.form([up.textItem("name", "Name"), up.selectItem("kind", "Kind", ["A"])])
    })
    const options = (workflow_id: string) => BishengWorkflowOptions.parse({ base_url: fake.url, workflow_id })
    return {
      handler: workflow,
      options: options(ids.echo),
      endless: options(ids.endless),
      asking: options(ids.asking),
      quiet: () => fake.quiet(),
      [Symbol.asyncDispose]: () => fake[Symbol.asyncDispose](),
    }
  },
})

registerHandlerContract("bisheng_assistant", {
  async make() {
    const fake = new FakeBisheng()
    fake.assistants.publish(ids.echo, function* ({ messages }) {
      yield { reasoning_content: "Let me repeat it." }
      for (const unit of `You said: ${messages.at(-1)?.content}`.split("")) yield { content: unit }
    })
    fake.assistants.publish(ids.endless, function* () {
      for (;;) {
        yield { content: "word " }
        yield soon()
      }
    })
    const options = (assistant_id: string) => BishengAssistantOptions.parse({ base_url: fake.url, assistant_id })
    return {
      handler: assistant,
      options: options(ids.echo),
      endless: options(ids.endless),
      quiet: () => fake.quiet(),
      [Symbol.asyncDispose]: () => fake[Symbol.asyncDispose](),
    }
  },
})

registerHandlerContract("bisheng_linsight", {
  async make() {
    const [echo, endless, asking] = [new FakeBisheng(), new FakeBisheng(), new FakeBisheng()]
    echo.linsight.publish(async (run) => {
      run.generate([{ id: "t1", name: "Repeat" }])
      run.think("t1", "thinking:1", "Let me repeat it.")
      run.step("t1", { call_id: "c1", name: "say", status: "end" })
      run.finish(`You said: ${run.said}`)
    })
    endless.linsight.publish(async (run) => {
      run.generate([{ id: "t1", name: "Count" }])
      for (let number = 1; run.row.status === "in_progress"; number++) {
        run.step("t1", { call_id: `c${number}`, name: "count", status: "end" })
        await soon()
      }
    })
    asking.linsight.publish(async (run) => {
      run.generate([{ id: "t1", name: "Ask" }])
      await run.ask("t1", "Which?")
    })
    const options = (fake: FakeBisheng) =>
      BishengLinsightOptions.parse({ base_url: fake.url, cookie_token: fake.linsight.token })
    return {
      handler: linsight,
      options: options(echo),
      endless: options(endless),
      asking: options(asking),
      quiet: async () => void (await Promise.all([echo.quiet(), endless.quiet()])),
      async [Symbol.asyncDispose]() {
        for (const fake of [echo, endless, asking]) await fake[Symbol.asyncDispose]()
      },
    }
  },
})
