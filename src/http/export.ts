// /chat/message/export: a conversation as a file, sent as it is made.
import { Hono } from "hono"
import { routes } from "../protocol/rest.ts"
import { activeBranch, wholeChat } from "../store/transcript.ts"
import { fileNameOf, mimeTypes, transcriptOf } from "../transcript/transcript.ts"
import type { ChatEnv } from "./answer.ts"
import type { AppDeps } from "./app.ts"
import { sessionOf } from "./sessions.ts"
import { valid } from "./valid.ts"

const { exportMessages } = routes

export function exportRoute({ db, log, clock }: Pick<AppDeps, "db" | "log" | "clock">) {
  return new Hono<ChatEnv>().get(exportMessages.path, valid("query", exportMessages.query), async (c) => {
    const { user_id, chat_id, format, branch } = c.req.valid("query")
    const { principal, language, trace_id } = c.var
    const session = await sessionOf(db, principal, chat_id, { user_id })
    const pages = branch === "all" ? wholeChat(db, session) : activeBranch(db, session, clock)
    const pieces = transcriptOf({ session, format, language, pages, clock })
    // What fails at once is told as every fault is; later on nothing but breaking off can tell it.
    const first = await pieces.next()
    c.header("Content-Type", `${mimeTypes[format]}; charset=utf-8`)
    c.header("Content-Disposition", dispositionOf(fileNameOf(session, format)))
    return c.body(streamOf(first, pieces, (error) => log.warn({ err: error, trace_id }, "a transcript broke off")))
  })
}

/** Nothing is read that nobody takes. */
function streamOf(
  first: IteratorResult<string>,
  pieces: AsyncGenerator<string>,
  onBreak: (error: unknown) => void,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  return new ReadableStream({
    start(controller) {
      if (!first.done) controller.enqueue(encoder.encode(first.value))
    },
    async pull(controller) {
      try {
        const { done, value } = await pieces.next()
        if (done) controller.close()
        else controller.enqueue(encoder.encode(value))
      } catch (error) {
        onBreak(error)
        controller.error(error)
      }
    },
    async cancel() {
      await pieces.return(undefined)
    },
  })
}

/** RFC 6266: the name for whoever reads UTF-8, and one for all others. */
function dispositionOf(name: string): string {
  const plain = name.replaceAll(/[^\w.-]+/g, "_")
  return `attachment; filename="${plain}"; filename*=UTF-8''${encodeURIComponent(name).replaceAll(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16)}`)}`
}
