// The handlers that come with the service, and the flows that there are when none is configured.
import type { Config, FlowConfig } from "../settings.ts"
import type { Handler } from "./handler.ts"

/** Loaded when a flow names it: an engine that nobody uses costs no time at the start, and no memory. */
export const builtIn: Readonly<Record<string, () => Promise<{ readonly default: Handler }>>> = {
  echo: () => import("./echo.ts"),
  graph: () => import("./graph.ts"),
  model: () => import("./model.ts"),
  assistant: () => import("./assistant/assistant.ts"),
  ag_ui: () => import("./ag-ui/ag-ui.ts"),
  bisheng_workflow: () => import("./bisheng-workflow.ts"),
  bisheng_assistant: () => import("./bisheng-assistant.ts"),
  bisheng_linsight: () => import("./bisheng-linsight.ts"),
}

/** Those whose options are completed with the configuration's model. */
export const speakToTheModel: readonly string[] = ["model", "assistant"]

/** Nobody has configured a flow: the first thing that a newcomer sees. */
export function defaultFlows({ base_url }: Config["model"]): FlowConfig[] {
  return [
    base_url
      ? { flow_id: "*", chat_type: "NORMAL", handler: "model", options: {} }
      : // Slow enough to show that answers are streamed.
        { flow_id: "*", chat_type: "NORMAL", handler: "echo", options: { delay_ms: 15 } },
    { flow_id: "*", chat_type: "WORKFLOW", handler: "graph", options: { graph: "intake" } },
  ]
}
