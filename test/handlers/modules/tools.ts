// Tools of a plug-in.
import { z } from "zod"
import { defineTool } from "../../../src/handlers/assistant/tool.ts"

export default {
  weigh: defineTool({
    name: "weigh",
    description: "Weighs a thing.",
    input: z.object({ thing: z.string(), unit: z.enum(["kg", "lb"]).default("kg") }),
    run: ({ thing, unit }, { session }) => ({ thing, weight: thing.length, unit, for: session.chat_id }),
  }),
  drop: defineTool({
    name: "drop",
    description: "Drops a thing.",
    input: z.object({ thing: z.string() }),
    needs_approval: true,
    run: ({ thing }) => `dropped ${thing}`,
  }),
}
