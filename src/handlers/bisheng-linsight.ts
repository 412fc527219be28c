// Linsight, Bisheng's expert agent, over the routes of its workbench: tasks, tools, questions, and an answer with files.
import { z } from "zod"
import { LinsightTurn } from "./bisheng/linsight-turn.ts"
import { seconds, serviceOptions } from "./bisheng/service.ts"
import { defineHandler } from "./handler.ts"

export const BishengLinsightOptions = z.strictObject({
  ...serviceOptions,
  /** The JWT of the account that works, as Bisheng's pages have it in the cookie `access_token_cookie`. */
  cookie_token: z.string().regex(/^[\w.~+/=-]+$/, "must be a JWT"),
  /** As Bisheng lists them: `{ id, name, is_preset, desc, children: [{ id, name, tool_key, desc }] }`. */
  tools: z.array(z.record(z.string(), z.json())).default([]),
  /** The id of a model; Bisheng's default when left out. */
  model: z.string().min(1).optional(),
  skills: z.array(z.string()).default([]),
  org_knowledge_enabled: z.boolean().default(false),
  personal_knowledge_enabled: z.boolean().default(false),
  organization_knowledge_ids: z.array(z.int()).default([]),
  knowledge_space_ids: z.array(z.int()).default([]),
  /** Seconds that handing in a question, or a file, may take. */
  first_event_timeout_s: seconds.default(120),
  /** Seconds without any news; work may be long, and stand in line before. */
  idle_timeout_s: seconds.default(3600),
  /** Seconds of silence after which the state is looked at: an event may have been lost. */
  check_every_s: seconds.default(15),
  /** Bytes of a file that is brought to Bisheng. */
  max_file_bytes: z.int().min(1).default(50_000_000),
})
export type BishengLinsightOptions = z.infer<typeof BishengLinsightOptions>

export default defineHandler({
  name: "bisheng_linsight",
  description: "Works on a task with Bisheng's Linsight.",
  options: BishengLinsightOptions,
  // Bisheng keeps the state of the work, so another instance can go on telling of it.
  resumable: true,
  async *run(context) {
    const { signal } = context
    if (signal.aborted) return
    const turn = new LinsightTurn(context)
    try {
      yield* turn.begin()
      yield* turn.watch()
    } catch (error) {
      if (signal.aborted) return
      const { failure, events } = turn.failed(error)
      yield* events
      throw failure
    } finally {
      await turn.leave()
    }
  },
})
