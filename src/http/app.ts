// The REST side: what every request passes, in order, then the routes. Each answer is described in protocol/rest.ts.
import { type Context, Hono } from "hono"
import { bodyLimit } from "hono/body-limit"
import type { Principal } from "../auth/token.ts"
import type { Clock } from "../clock.ts"
import { ChatError } from "../errors.ts"
import type { HeldFiles } from "../files/held.ts"
import type { FileKeeper } from "../files/keeper.ts"
import type { Language } from "../language/language.ts"
import type { Log } from "../log.ts"
import type { ClientFrameOf } from "../protocol/client-frame.ts"
import type { Flow } from "../protocol/rest-flows.ts"
import type { InterruptResult, Service, Status } from "../protocol/server-frame.ts"
import type { ChatType, Session } from "../protocol/session.ts"
import type { Config } from "../settings.ts"
import type { Database } from "../store/database.ts"
import { type Env, errorOf, refuse } from "./answer.ts"
import { answerLinkRoutes } from "./answer-link.ts"
import { refusalPage } from "./answer-page.ts"
import { isMultipart } from "./answer-upload.ts"
import { bearer } from "./bearer.ts"
import { docsRoutes } from "./docs.ts"
import { exportRoute } from "./export.ts"
import { feedbackRoute } from "./feedback.ts"
import { fileRoutes } from "./files.ts"
import { flowsRoutes } from "./flows.ts"
import { crossOrigin, secureHeaders } from "./headers.ts"
import { healthRoutes } from "./health.ts"
import { inputRoutes } from "./inputs.ts"
import { locate } from "./locate.ts"
import { messageRoutes } from "./messages.ts"
import { openapiRoute } from "./openapi.ts"
import { pace } from "./pace.ts"
import { requestContext } from "./request.ts"
import { searchRoutes } from "./search.ts"
import { sessionRoutes } from "./sessions.ts"
import { statisticsRoutes } from "./statistics.ts"
import { connectRoute, turnRoutes } from "./turns.ts"

/** What REST asks of the live chats. Sessions passed in were found for the caller; who asks is passed on all the same. */
export interface ChatPort {
  /** Throws `chat_exists`, `unknown_flow`. */
  createSession(
    principal: Principal,
    request: { flow_id: string; chat_type: ChatType; chat_id?: string; topic?: string; logo?: string },
  ): Promise<Session>
  updateSession(
    principal: Principal,
    session: Session,
    change: { topic?: string | null; logo?: string | null },
    trace_id: string,
  ): Promise<Session>
  deleteSession(principal: Principal, session: Session, trace_id: string): Promise<void>
  /** Resolves to the ids that were deleted by this call. */
  deleteMessages(
    principal: Principal,
    session: Session,
    message_ids: readonly string[],
    trace_id: string,
  ): Promise<string[]>
  /** Waits up to `wait_ms` milliseconds for the turn's end. */
  interrupt(
    principal: Principal,
    session: Session,
    request: { turn_id?: string; wait_ms: number; trace_id: string },
  ): Promise<{ result: InterruptResult; turn_id: string | null }>
  status(session: Session): Promise<Status>
  /** Takes a message as a socket's, after the commit; an earlier one with the same `id` is its `dup`. */
  handleMessage(
    session_id: string,
    frame: Pick<ClientFrameOf<"message">, "data" | "id">,
    caller: { readonly principal: Principal; readonly language: Language; readonly trace_id: string },
  ): Promise<{ readonly seq: number | null; readonly dup: boolean }>
  /** How the instance is doing. */
  readonly service: Service
  /** The instance is shutting down. */
  readonly draining: boolean
}

export interface AppDeps {
  /** The bots that somebody may use, in their language. */
  flows(who: Principal, language: Language): Flow[]
  readonly db: Database
  readonly chat: ChatPort
  readonly files: FileKeeper
  readonly held: HeldFiles
  /** Signs the tokens. */
  readonly secret: Uint8Array
  readonly clock: Clock
  readonly log: Log
  readonly config: Config
  readonly instance: string
  readonly version: string
}

const maxBodyBytes = 1_048_576

export function createApp(deps: AppDeps) {
  const app = new Hono<Env>()
  app.onError((fault, c) => (c.var.route?.page ? refusalPage(c, errorOf(fault)) : refuse(c, fault)))
  app.use(requestContext(deps))
  app.use(secureHeaders)
  app.use(crossOrigin(deps.config.chat))
  app.use(locate)
  app.use(bearer(deps))
  app.use(pace(deps))
  const limited = bodyLimit({ maxSize: maxBodyBytes, onError: bodyTooLarge })
  app.use((c, next) => (isReadInPieces(c) ? next() : limited(c, next)))
  return (
    app
      .route("/", sessionRoutes(deps))
      .route("/", messageRoutes(deps))
      .route("/", exportRoute(deps))
      .route("/", feedbackRoute(deps))
      .route("/", turnRoutes(deps))
      .route("/", inputRoutes(deps))
      .route("/", answerLinkRoutes(deps))
      .route("/", statisticsRoutes(deps))
      .route("/", fileRoutes(deps))
      .route("/", searchRoutes(deps))
      .route("/", flowsRoutes(deps))
      .route("/", healthRoutes(deps))
      .route("/", openapiRoute(deps))
      .route("/", docsRoutes())
      // Last: its pattern takes what the others leave.
      .route("/", connectRoute())
  )
}

/** For Hono's typed client: `hc<AppType>(url)`. */
export type AppType = ReturnType<typeof createApp>

/** Such a form has limits of its own. */
function isReadInPieces(c: Context<Env>): boolean {
  const { route } = c.var
  return route?.form !== undefined || (route?.page === true && isMultipart(c))
}

function bodyTooLarge(): never {
  throw new ChatError("frame_too_large", { params: { limit: maxBodyBytes } })
}
