// The one table of errors. A code says everything a caller needs: the HTTP status, whether the socket closes and with
// which code, and whether the same request may succeed later. The sentence for people comes from language/.

export interface ErrorRow {
  /** Status of a REST answer. */
  readonly http: number
  /** WebSocket close code, or null when the socket stays open. 40xx: come back; 45xx: do not (PROTOCOL.md, section 8). */
  readonly close: number | null
  /** May the same request, unchanged, succeed later? */
  readonly retry: boolean
}

export const errorTable = {
  bad_json: { http: 400, close: null, retry: false },
  bad_frame: { http: 400, close: null, retry: false },
  bad_request: { http: 400, close: null, retry: false },
  bad_url: { http: 400, close: 4501, retry: false },
  unauthorized: { http: 401, close: 4500, retry: false },
  token_expired: { http: 401, close: 4005, retry: false },
  forbidden: { http: 403, close: 4503, retry: false },
  origin_forbidden: { http: 403, close: 4503, retry: false },
  not_found: { http: 404, close: null, retry: false },
  unknown_flow: { http: 404, close: 4501, retry: false },
  kind_not_taken: { http: 422, close: null, retry: false },
  method_not_allowed: { http: 405, close: null, retry: false },
  flow_mismatch: { http: 409, close: 4501, retry: false },
  id_conflict: { http: 409, close: null, retry: false },
  conflict: { http: 409, close: null, retry: false },
  out_of_order: { http: 409, close: null, retry: true },
  not_waiting: { http: 409, close: null, retry: false },
  session_ended: { http: 409, close: null, retry: false },
  chat_exists: { http: 409, close: null, retry: false },
  busy: { http: 409, close: null, retry: true },
  no_question: { http: 409, close: null, retry: false },
  question_expired: { http: 410, close: null, retry: false },
  bad_answer: { http: 422, close: null, retry: false },
  chat_deleted: { http: 410, close: 4510, retry: false },
  frame_too_large: { http: 413, close: null, retry: false },
  message_too_long: { http: 413, close: null, retry: false },
  file_too_large: { http: 413, close: null, retry: false },
  bad_range: { http: 416, close: null, retry: false },
  file_type: { http: 415, close: null, retry: false },
  file_unreadable: { http: 422, close: null, retry: false },
  too_many_files: { http: 429, close: null, retry: false },
  upgrade_required: { http: 426, close: null, retry: false },
  queue_full: { http: 429, close: null, retry: true },
  rate_limited: { http: 429, close: null, retry: true },
  too_fast: { http: 429, close: 4013, retry: true },
  too_many_new_chats: { http: 429, close: 4013, retry: true },
  too_many_connections: { http: 429, close: 4504, retry: false },
  too_many_chats: { http: 429, close: null, retry: false },
  too_many_sessions: { http: 503, close: 4014, retry: true },
  draining: { http: 503, close: 4001, retry: true },
  store_unavailable: { http: 503, close: null, retry: true },
  model_unauthorized: { http: 502, close: null, retry: false },
  model_rate_limited: { http: 503, close: null, retry: true },
  model_refused: { http: 502, close: null, retry: false },
  model_failed: { http: 502, close: null, retry: true },
  model_cut: { http: 502, close: null, retry: true },
  model_timeout: { http: 504, close: null, retry: true },
  engine_unauthorized: { http: 502, close: null, retry: false },
  engine_refused: { http: 502, close: null, retry: false },
  engine_busy: { http: 503, close: null, retry: true },
  engine_failed: { http: 502, close: null, retry: true },
  engine_lost: { http: 502, close: null, retry: true },
  engine_timeout: { http: 504, close: null, retry: true },
  tools_unavailable: { http: 502, close: null, retry: true },
  too_many_steps: { http: 500, close: null, retry: true },
  checkpoint_too_large: { http: 500, close: null, retry: false },
  handler_timeout: { http: 504, close: null, retry: true },
  handler_flooded: { http: 500, close: null, retry: false },
  answer_too_long: { http: 500, close: null, retry: false },
  handler_failed: { http: 500, close: null, retry: true },
  too_many_attempts: { http: 500, close: null, retry: true },
  instance_lost: { http: 500, close: null, retry: true },
  internal: { http: 500, close: null, retry: true },
} as const satisfies Record<string, ErrorRow>

export type ErrorCode = keyof typeof errorTable

export const errorCodes = Object.keys(errorTable) as [ErrorCode, ...ErrorCode[]]

/** What a sentence of the catalogue is filled with. Never put in here what the caller may not see. */
export type ErrorParams = Readonly<Record<string, string | number>>

export interface ErrorOptions {
  readonly params?: ErrorParams
  /** How long to wait before trying again, in milliseconds. */
  readonly retry_after_ms?: number | undefined
  /** Of an answer to a question: what is wrong with each field, in the caller's language. */
  readonly fields?: Readonly<Record<string, string>> | undefined
  /** The fault behind it; goes to the log, never to the caller. */
  readonly cause?: unknown
}

/** The only error that reaches a caller. Whatever else is thrown becomes `internal`, with its cause in the log. */
export class ChatError extends Error {
  readonly code: ErrorCode
  readonly params: ErrorParams
  readonly retry_after_ms: number | undefined
  readonly fields: Readonly<Record<string, string>> | undefined

  constructor(code: ErrorCode, options: ErrorOptions = {}) {
    super(code, { cause: options.cause })
    this.name = "ChatError"
    this.code = code
    this.params = options.params ?? {}
    this.retry_after_ms = options.retry_after_ms
    this.fields = options.fields
  }

  get row(): ErrorRow {
    return errorTable[this.code]
  }

  /** The error itself, or the one that is its cause: a library may have wrapped it. Else `internal`. */
  static from(error: unknown): ChatError {
    return ChatError.within(error) ?? new ChatError("internal", { cause: error })
  }

  static within(error: unknown): ChatError | undefined {
    let cause = error
    // A plug-in may throw an error that is its own cause.
    for (let depth = 0; depth < 20 && cause instanceof Error && !(cause instanceof ChatError); depth++)
      cause = cause.cause
    return cause instanceof ChatError ? cause : undefined
  }
}
