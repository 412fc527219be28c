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
  interrupt: (ref) => ({ method: "POST", path: "/chat/interrupt", body: { chat_id: ref } }),
  countMessages: (ref) => ({ method: "GET", path: `/chat/messages/count?chat_id=${ref}` }),
}

/** A request for each route that needs a token. */
export const withToken: readonly Asked[] = Object.entries(routes)
  .filter(([, route]) => !("open" in route))
  .map(([name, route]) => {
    const asked = ofOneSession[name]
    if (asked) return asked("missing")
    return {
      method: route.method.toUpperCase(),
      path: route.path,
      ...("body" in route ? { body: { flow_id: "default" } } : {}),
    }
  })
