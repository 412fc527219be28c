// Runs a graph of LangGraph.js in this process: one of the examples, a module or a package. LangGraph is loaded by who uses it.
import { z } from "zod"
import { defineHandler } from "./handler.ts"

export const GraphOptions = z
  .strictObject({
    /** An example (`intake`), the path of a module, or the name of a package. */
    graph: z.string().trim().min(1),
    /** The graph's own; given to its function, and to nodes as `chatOf(config).options`. */
    config: z.record(z.string(), z.json()).default({}),
    /** Rounds of nodes in one turn. */
    recursion_limit: z.int().min(1).max(1000).default(50),
    /** Bytes of one checkpoint, or of all that a node writes: libSQL servers take no value above 5,000,000. */
    max_checkpoint_bytes: z.int().min(1000).max(4_000_000).default(1_000_000),
  })
  .superRefine(async ({ graph, config }, context) => {
    const { isExample, problemOf } = await import("./graph/load.ts")
    const problem = isExample(graph) ? null : await problemOf(graph, config)
    if (problem !== null) context.addIssue({ code: "custom", path: ["graph"], message: problem })
  })
export type GraphOptions = z.infer<typeof GraphOptions>

export default defineHandler({
  name: "graph",
  description: "Runs a workflow as a graph, which asks, remembers, and goes on after a crash.",
  options: GraphOptions,
  resumable: true,
  commands: [{ name: "restart", description: "begins the workflow anew" }],
  async *run(context) {
    if (context.signal.aborted) return
    const { runGraph } = await import("./graph/run.ts")
    yield* runGraph(context)
  },
})
