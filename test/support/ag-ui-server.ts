// An agent that speaks AG-UI over HTTP: its events are written by the protocol's own encoder, as a test tells it.
import { once } from "node:events"
import { createServer, type ServerResponse } from "node:http"
import type { BaseEvent, RunAgentInput } from "@ag-ui/core"
import { EventEncoder } from "@ag-ui/encoder"

/** Without the frame that every run has: RUN_STARTED comes by itself. */
export type AgentScript = (input: RunAgentInput, line: AgentLine) => AsyncIterable<object> | Iterable<object>

export interface AgentLine {
  /** Aborts when the client has gone. */
  readonly signal: AbortSignal
}

export interface AgentServer extends AsyncDisposable {
  readonly url: string
  readonly inputs: RunAgentInput[]
  readonly headers: Record<string, unknown>[]
  /** Breaks every connection. */
  cut(): void
  /** Resolves when a client has gone before its run was over. */
  abandoned(): Promise<void>
}

export async function startAgent(
  script: AgentScript,
  refusal?: { status: number; headers?: object },
): Promise<AgentServer> {
  const inputs: RunAgentInput[] = []
  const headers: Record<string, unknown>[] = []
  const abandoned = Promise.withResolvers<void>()
  const encoder = new EventEncoder()
  const send = (response: ServerResponse, event: object) => response.write(encoder.encodeSSE(event as BaseEvent))
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    if (refusal) {
      response
        .writeHead(refusal.status, { "content-type": "application/json", ...refusal.headers })
        .end('{"error":"no"}')
      return
    }
    const input: RunAgentInput = JSON.parse(Buffer.concat(chunks).toString())
    inputs.push(input)
    headers.push(request.headers)
    const gone = new AbortController()
    response.on("close", () => {
      gone.abort()
      if (!response.writableEnded) abandoned.resolve()
    })
    response.writeHead(200, { "content-type": encoder.getContentType() })
    send(response, { type: "RUN_STARTED", ...runOf(input) })
    for await (const event of script(input, { signal: gone.signal })) {
      if (gone.signal.aborted) return
      send(response, event)
    }
    response.end()
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("the agent has no port")
  return {
    ...{ inputs, headers },
    url: `http://127.0.0.1:${address.port}/agent`,
    abandoned: () => abandoned.promise,
    cut: () => server.closeAllConnections(),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, "close")
    },
  }
}

function runOf({ threadId, runId }: RunAgentInput) {
  return { threadId, runId }
}

export function finished(input: RunAgentInput, more: object = {}): object {
  return { type: "RUN_FINISHED", ...runOf(input), ...more }
}

export function* saying(text: string, messageId: string = crypto.randomUUID(), size = 4): Generator<object> {
  yield { type: "TEXT_MESSAGE_START", messageId, role: "assistant" }
  for (let place = 0; place < text.length; place += size) {
    yield { type: "TEXT_MESSAGE_CONTENT", messageId, delta: text.slice(place, place + size) }
  }
  yield { type: "TEXT_MESSAGE_END", messageId }
}

/** Says it, and then nothing for as long as the client stays. */
export async function* stuckAfter(text: string, { signal }: AgentLine): AsyncGenerator<object> {
  yield* saying(text)
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve))
}

export function* calling(toolCallId: string, toolCallName: string, input: object, content?: string): Generator<object> {
  yield { type: "TOOL_CALL_START", toolCallId, toolCallName }
  yield { type: "TOOL_CALL_ARGS", toolCallId, delta: JSON.stringify(input) }
  yield { type: "TOOL_CALL_END", toolCallId }
  if (content !== undefined) yield { type: "TOOL_CALL_RESULT", messageId: crypto.randomUUID(), toolCallId, content }
}
