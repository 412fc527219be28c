// One request for every route of the table, so that no rule about all routes forgets one.
import { routes } from "../../src/protocol/rest.ts"
import { idOf } from "./rows.ts"
import type { AskOptions } from "./support.ts"

export interface Asked {
  readonly method: string
  readonly path: string
  readonly body?: AskOptions["body"]
}

/** What each route that looks at one session is asked about it; `ref` is a session_id or chat_id. */
export const ofOneSession: Record<string, (ref: string, message_id?: string) => Asked> = {
  getSession: (ref) => ({ method: "GET", path: `/chat/session/${ref}` }),
  updateSession: (ref) => ({ method: "PUT", path: `/chat/session/${ref}`, body: { topic: "x" } }),
  deleteSession: (ref) => ({ method: "DELETE", path: `/chat/session/${ref}` }),
  history: (ref) => ({ method: "GET", path: `/chat/message/history?chat_id=${ref}` }),
  deleteMessages: (ref, message_id = idOf("msg", 1)) => ({
    method: "DELETE",
    path: `/chat/message/delete?chat_id=${ref}&message_id=${message_id}`,
  }),
  exportMessages: (ref) => ({ method: "GET", path: `/chat/message/export?chat_id=${ref}` }),
  feedback: (ref, message_id = idOf("msg", 1)) => ({
    method: "POST",
    path: "/chat/message/feedback",
    body: { chat_id: ref, message_id, liked: 1 },
  }),
  interrupt: (ref) => ({ method: "POST", path: "/chat/interrupt", body: { chat_id: ref } }),
  listInputs: (ref) => ({ method: "GET", path: `/chat/inputs?chat_id=${ref}` }),
  search: (ref) => ({ method: "GET", path: `/chat/search?q=hello&chat_id=${ref}` }),
  countMessages: (ref) => ({ method: "GET", path: `/chat/messages/count?chat_id=${ref}` }),
}

/** What each route that looks at one question is asked about it. */
export const ofOneInput: Record<string, (input_id: string) => Asked> = {
  getInput: (id) => ({ method: "GET", path: `/chat/inputs/${id}` }),
  answerInput: (id) => ({ method: "POST", path: `/chat/inputs/${id}`, body: { answer: "yes" } }),
  linkInput: (id) => ({ method: "POST", path: `/chat/inputs/${id}/link`, body: {} }),
}

/** What each route that looks at one file is asked about it. */
export const ofOneFile: Record<string, (file_id: string) => Asked> = {
  readFile: (id) => ({ method: "GET", path: `/chat/file/${id}` }),
  deleteFile: (id) => ({ method: "DELETE", path: `/chat/file/${id}` }),
}

/** A request for each route that needs a token. */
export const withToken: readonly Asked[] = Object.entries(routes)
  .filter(([, route]) => !("open" in route))
  .map(([name, route]) => {
    const asked =
      ofOneSession[name]?.("missing") ?? ofOneInput[name]?.(idOf("inp", 1)) ?? ofOneFile[name]?.(idOf("fil", 1))
    if (asked) return asked
    return {
      method: route.method.toUpperCase(),
      path: route.path,
      ...("body" in route ? { body: { flow_id: "default" } } : {}),
    }
  })
