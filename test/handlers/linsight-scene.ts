// A fake Bisheng whose Linsight works by a script, and turns of the handler with it, one after the other as in a chat.
import linsight, { BishengLinsightOptions } from "../../src/handlers/bisheng-linsight.ts"
import { HandlerEvent } from "../../src/handlers/handler.ts"
import type { Part } from "../../src/protocol/message.ts"
import type { LinsightScript } from "../support/fake-bisheng/linsight-run.ts"
import { FakeBisheng } from "../support/fake-bisheng/server.ts"
import { collect, context, type Given, message } from "./context.ts"

export function scene(script: LinsightScript, options: object = {}) {
  const fake = new FakeBisheng()
  fake.linsight.publish(script)
  const parsed = BishengLinsightOptions.parse({ base_url: fake.url, cookie_token: fake.linsight.token, ...options })
  const scene = {
    fake,
    checkpoint: null as unknown,
    async say(
      text: string,
      over: Partial<Given<unknown>> & { parts?: Part[] } = {},
      each?: (event: HandlerEvent) => void | Promise<void>,
    ) {
      const { parts = [], ...rest } = over
      const said = message({ message: text, parts })
      const given = context({ message: said, checkpoint: scene.checkpoint, ...rest, options: parsed })
      const run = await collect(linsight.run(given), each)
      for (const event of run.events) {
        HandlerEvent.parse(event)
        if (event.type === "checkpoint") scene.checkpoint = event.checkpoint
      }
      return run
    },
    [Symbol.asyncDispose]: () => fake[Symbol.asyncDispose](),
  }
  return scene
}
