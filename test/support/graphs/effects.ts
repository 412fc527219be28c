// What nodes of the graphs for tests do to the world: a line in a file, which outlives the process.
import { appendFileSync, existsSync, readFileSync } from "node:fs"
import type { LangGraphRunnableConfig } from "@langchain/langgraph"
import { chatOf } from "../../../src/handlers/graph/define.ts"

export function effectsIn(file: string): string[] {
  return existsSync(file) ? readFileSync(file, "utf8").split("\n").filter(Boolean) : []
}

function fileOf(config: LangGraphRunnableConfig): string {
  return String(chatOf(config).options.file)
}

export function did(config: LangGraphRunnableConfig): string[] {
  return effectsIn(fileOf(config))
}

export function effect(config: LangGraphRunnableConfig, name: string): void {
  appendFileSync(fileOf(config), `${name}\n`)
}

/** Until the turn is stopped; then it goes no further, as if its process had died. */
export function untilStopped({ signal }: LangGraphRunnableConfig): Promise<never> {
  return new Promise((_, reject) => {
    const stop = () => reject(new Error("stopped"))
    if (signal?.aborted) stop()
    else signal?.addEventListener("abort", stop, { once: true })
  })
}
