// A chat completion of a Bisheng assistant: pieces as they come, and errors where Bisheng puts them.
import { z } from "zod"
import { ChatError } from "../../errors.ts"
import type { HandlerEvent } from "../handler.ts"
import { createJoiner } from "../well-formed.ts"
import { readEventStream } from "./event-stream.ts"
import { errorOf, refusal } from "./refusal.ts"
import { isStream, parsed, type Service, textOf } from "./service.ts"

const Said = z.looseObject({ content: z.string().nullish(), reasoning_content: z.string().nullish() })
const Chunk = z.looseObject({
  choices: z.array(
    z.looseObject({ delta: Said.nullish(), message: Said.nullish(), finish_reason: z.string().nullish() }),
  ),
})
const Failed = z.looseObject({ error: z.looseObject({ message: z.string().nullish(), code: z.unknown().optional() }) })

/** How Bisheng begins the words of an error that it says in place of an answer (a mistranslation of its own). */
const errorWords = "Error-free: "

/** The events of the answer. Throws a ChatError when it is none, or ends otherwise than an answer should. */
export async function* readCompletion(
  service: Service,
  response: Response,
  signal: AbortSignal,
): AsyncGenerator<HandlerEvent> {
  const { secrets } = service
  if (!response.ok || !isStream(response)) {
    const said = parsed(await textOf(response))
    const whole = response.ok ? Chunk.safeParse(said).data?.choices[0]?.message : undefined
    if (!whole) throw refusal({ response, said, secrets })
    yield* pieces(whole)
    return
  }
  const joiners = { reasoning: createJoiner(), text: createJoiner() }
  const stream = readEventStream(response)
  let finished = false
  try {
    for (let event = await stream.next(signal); event; event = await stream.next(signal)) {
      if (event.data.trim() === "[DONE]") {
        finished = true
        break
      }
      const said = parsed(event.data)
      const failed = Failed.safeParse(said).data?.error
      if (failed) throw errorOf(Number(failed.code) || 500, new Error(secrets.hide(failed.message ?? "an error")))
      const choice = Chunk.safeParse(said).data?.choices[0]
      if (choice?.finish_reason) finished = true
      const { content } = choice?.delta ?? {}
      if (choice?.finish_reason && content?.startsWith(errorWords)) {
        throw new ChatError("engine_failed", { cause: new Error(secrets.hide(content.slice(errorWords.length))) })
      }
      for (const piece of pieces(choice?.delta ?? {})) {
        const text = joiners[piece.type].push(piece.text)
        if (text) yield { type: piece.type, text }
      }
    }
  } finally {
    stream.close()
  }
  for (const type of ["reasoning", "text"] as const) {
    const text = joiners[type].end()
    if (text) yield { type, text }
  }
  if (!finished) throw new ChatError("engine_lost", { cause: new Error("the stream ended before the answer did") })
}

function* pieces({ content, reasoning_content }: z.infer<typeof Said>) {
  if (reasoning_content) yield { type: "reasoning" as const, text: reasoning_content }
  if (content) yield { type: "text" as const, text: content }
}
