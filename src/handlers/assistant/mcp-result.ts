// What a tool of an MCP server gave back, as text or JSON.
import type { CallToolResult } from "@ai-sdk/mcp"

/** Throws an Error with the server's words when the tool failed. */
export function resultOf(result: CallToolResult): unknown {
  if (!("content" in result) || !Array.isArray(result.content)) return "toolResult" in result ? result.toolResult : null
  const text = result.content.map(textOf).join("\n")
  if ("isError" in result && result.isError) throw new Error(text || "The tool failed and did not say why.")
  if (text) return text
  return result.structuredContent ?? null
}

function textOf(part: unknown): string {
  if (typeof part !== "object" || part === null) return ""
  const word = (name: string): string => {
    const value: unknown = Reflect.get(part, name)
    return typeof value === "string" ? value : ""
  }
  switch (word("type")) {
    case "text":
      return word("text")
    case "resource":
      return "resource" in part ? textOfResource(part.resource) : ""
    case "resource_link":
      return `[resource] ${word("name")}: ${word("uri")}`
    default:
      return `[${word("type")} ${word("mimeType")}]`
  }
}

function textOfResource(resource: unknown): string {
  if (typeof resource !== "object" || resource === null) return ""
  if ("text" in resource && typeof resource.text === "string") return resource.text
  return "uri" in resource ? `[resource] ${String(resource.uri)}` : ""
}
