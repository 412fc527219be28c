// A workflow of Bisheng, over its HTTP API v2.
import { z } from "zod"
import { say } from "../language/language.ts"
import { seconds, serviceOptions } from "./bisheng/service.ts"
import { kept, WorkflowTalk } from "./bisheng/workflow-talk.ts"
import { defineHandler } from "./handler.ts"

export const BishengWorkflowOptions = z.strictObject({
  ...serviceOptions,
  /** Of the published workflow: a UUID, with or without dashes. */
  workflow_id: z.string().regex(/^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i, "must be a UUID"),
  /** `{ node_id: { parameter: value } }`: other values for parameters of nodes. */
  override: z.record(z.string(), z.record(z.string(), z.json())).optional(),
  /** Seconds until the first event of a request. */
  first_event_timeout_s: seconds.default(60),
  /** Seconds between two events. */
  idle_timeout_s: seconds.default(600),
  /** Bytes of a file that is brought to Bisheng, which itself takes 50 MB. */
  max_file_bytes: z.int().min(1).default(50_000_000),
})
export type BishengWorkflowOptions = z.infer<typeof BishengWorkflowOptions>

export default defineHandler({
  name: "bisheng_workflow",
  description: "Runs a workflow of Bisheng: its words, forms, choices and files.",
  options: BishengWorkflowOptions,
  // Not resumable: reading takes an event out of Bisheng's queue, so what the dead instance had taken is nowhere any more.
  async *run(context) {
    const { signal, language } = context
    if (signal.aborted) return
    const talk = new WorkflowTalk(context)
    try {
      let request = await talk.begin()
      while (request) {
        const came = yield* talk.follow(request)
        if (!came) return
        request = await talk.answerAtOnce(came)
        if (request) continue
        if (talk.restarted) yield* talk.remark(say(language, "bisheng_restarted"))
        yield kept(came)
      }
      const waiting = talk.waiting
      if (waiting) yield { type: "question", prompt: waiting.prompt, fields: waiting.fields }
    } catch (error) {
      if (signal.aborted) return
      yield* talk.ends()
      const failure = talk.failure(error)
      yield kept(talk.after(failure))
      throw failure
    } finally {
      await talk.leave()
    }
  },
})
