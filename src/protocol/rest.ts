// What REST asks and answers: one table of routes, read by the validators, by /openapi.json and by the typed client.
// A query parameter that a route does not know is refused: a misspelt filter must not answer too much. Bodies pass over it.
import { z } from "zod"
import { ChatId, FlowId, MessageId, SessionId, TurnId } from "./ids.ts"
import { Message, MessageKind } from "./message.ts"
import { shownAs, yesNo } from "./query.ts"
import { exportRoutes } from "./rest-export.ts"
import { feedbackRoutes } from "./rest-feedback.ts"
import { fileRoutes } from "./rest-files.ts"
import { flowRoutes } from "./rest-flows.ts"
import { inputRoutes } from "./rest-inputs.ts"
import { searchRoutes } from "./rest-search.ts"
import { counted, statisticsRoutes } from "./rest-statistics.ts"
import { between, lang, ofUsers, owned, page, pageOf, type Route, route, SessionRef } from "./route.ts"
import { InterruptResult, Service } from "./server-frame.ts"
import { ChatType, Lifecycle, Logo, Session, SessionState, Topic } from "./session.ts"
import { OpenTurn, Question } from "./turn.ts"

export const CreateSession = z.object({
  flow_id: FlowId,
  chat_type: ChatType.default("NORMAL"),
  chat_id: ChatId.exactOptional(),
  topic: Topic.exactOptional(),
  logo: Logo.exactOptional(),
})
export const UpdateSession = z
  .object({ topic: Topic.nullable().exactOptional(), logo: Logo.nullable().exactOptional() })
  .refine(({ topic, logo }) => topic !== undefined || logo !== undefined, "topic or logo is needed")
export const Interrupt = z.object({
  chat_id: SessionRef,
  turn_id: TurnId.exactOptional().describe("Which turn; the running one, else the next in line, when left out."),
  wait_ms: z.int().min(0).max(30_000).default(1000).describe("How long to wait for the turn's end, in milliseconds."),
})
export const SessionList = z.strictObject({
  ...ofUsers,
  ...between,
  chat_type: ChatType.optional(),
  state: SessionState.optional(),
  lifecycle: Lifecycle.optional(),
  flow_id: FlowId.optional(),
  ...page,
})
/** Filters of the log, which a branch is not. */
const ofLog = ["since", "until", "is_bot", "kind"] as const
export const History = z
  .strictObject({
    ...owned,
    chat_id: SessionRef,
    ...between,
    is_bot: yesNo.optional().describe("true: what bots said; false: what people said."),
    kind: MessageKind.optional(),
    order: z.enum(["desc", "asc"]).default("desc").describe("desc: newest first."),
    branch: z
      .literal("active")
      .optional()
      .describe(
        "Only the branch that the conversation goes on from (P6.12), newest first; it goes with no other filter.",
      ),
    ...page,
  })
  .refine(
    (query) => !query.branch || (query.order === "desc" && ofLog.every((filter) => query[filter] === undefined)),
    {
      path: ["branch"],
      message: "goes with no other filter, and is read newest first",
    },
  )
export const DeleteMessages = z.strictObject({
  ...owned,
  chat_id: SessionRef,
  message_id: z
    .union([MessageId.transform((id) => [id]), z.array(MessageId).min(1).max(100)])
    .meta(shownAs({ type: "array", items: { type: "string" }, minItems: 1, maxItems: 100 }))
    .describe("Once for each message."),
})
export const CountQuery = z.strictObject({
  ...counted,
  chat_id: SessionRef.optional(),
  is_bot: yesNo.optional().describe("true: what bots said; false: what people said."),
  kind: MessageKind.optional(),
})

const live = { turns: z.array(OpenTurn), question: Question.nullable() }
export const SessionDetail = Session.extend(live).meta({ id: "SessionDetail" })
const Health = z.object({ status: z.literal("ok"), instance: z.string(), version: z.string() })
/** degraded: it works, and hears of other instances later than usual. */
const Ready = Health.extend({ status: z.enum(["ok", "degraded"]), service: Service })

const onSession = z.strictObject(owned)
const ofSession = { param: z.object({ session_id: SessionRef }), query: onSession, errors: ["not_found"] } as const
const file = { open: true, param: z.object({ file: z.string() }), errors: ["not_found"] } as const
const deletedOf = <T extends z.ZodType>(id: T) => z.object({ deleted: z.array(id) })

export const routes = {
  ...flowRoutes,
  createSession: route("post", "/chat/session/create", {
    summary: "Create a session",
    description:
      "Without `chat_id` the server makes one. A WebSocket that names a new `chat_id` creates its session by itself (P1.3).",
    query: z.strictObject(lang),
    body: CreateSession,
    status: 201,
    data: Session,
    errors: ["unknown_flow", "chat_exists", "draining"],
  }),
  listSessions: route("get", "/chat/session/list", {
    summary: "List sessions, the last updated first",
    description: "`since` and `until` choose by `update_time`.",
    query: SessionList,
    data: pageOf(Session),
  }),
  getSession: route("get", "/chat/session/:session_id", {
    ...ofSession,
    summary: "Read a session, its open turns and its open question",
    data: SessionDetail,
  }),
  updateSession: route("put", "/chat/session/:session_id", {
    ...ofSession,
    summary: "Name a session, or give it a logo",
    description: "null takes it away. Its clients are told.",
    body: UpdateSession,
    data: Session,
  }),
  deleteSession: route("delete", "/chat/session/:session_id", {
    ...ofSession,
    summary: "Delete a session",
    description: "Its clients are told and disconnected (4510).",
    data: deletedOf(SessionId),
  }),
  history: route("get", "/chat/message/history", {
    summary: "Read the messages of a session",
    description: "In the order of `seq`; `since` and `until` choose by `create_time`.",
    query: History,
    data: pageOf(Message),
    errors: ["not_found"],
  }),
  deleteMessages: route("delete", "/chat/message/delete", {
    summary: "Delete messages",
    description: "The chat's clients are told. Answers the ids that were deleted now.",
    query: DeleteMessages,
    data: deletedOf(MessageId),
    errors: ["not_found"],
  }),
  ...exportRoutes,
  ...feedbackRoutes,
  interrupt: route("post", "/chat/interrupt", {
    summary: "Stop a turn",
    description:
      "`confirmed` when it has ended within `wait_ms`, else `requested`; `too_late` when none is open (P6.4).",
    query: onSession,
    body: Interrupt,
    data: z.object({ result: InterruptResult, turn_id: TurnId.nullable() }),
    errors: ["not_found"],
  }),
  ...inputRoutes,
  ...statisticsRoutes,
  countMessages: route("get", "/chat/messages/count", {
    summary: "Count messages",
    query: CountQuery,
    data: z.object({ count: z.int().min(0) }),
    errors: ["not_found"],
  }),
  ...fileRoutes,
  ...searchRoutes,
  health: route("get", "/healthz", { summary: "The process lives", open: true, data: Health }),
  ready: route("get", "/readyz", {
    summary: "The instance takes requests",
    description:
      "The database answers within 1 s, and it is not shutting down. degraded: it works, and hears of other instances later than usual.",
    open: true,
    data: Ready,
    errors: ["draining"],
  }),
  document: route("get", "/openapi.json", { summary: "This document", open: true, answers: ["application/json"] }),
  docs: route("get", "/docs", { summary: "This document as a page for people", open: true, answers: ["text/html"] }),
  docsFile: route("get", "/docs/:file", { ...file, summary: "A file of that page" }),
  connect: route("get", "/chat/:flow_id", {
    summary: "Connect by WebSocket",
    description: "Query, token and frames: PROTOCOL.md. Any other request is answered with `upgrade_required`.",
    open: true,
    param: z.object({ flow_id: FlowId }),
    status: 101,
    errors: ["upgrade_required"],
  }),
} satisfies Record<string, Route>
