// Every key of the configuration: its shape, unit and default. Read and merged by config.ts.
import { z } from "zod"
import { Policy } from "./protocol/client-frame.ts"
import { GuidePart, MessageKind } from "./protocol/message.ts"
import { ChatType } from "./protocol/session.ts"

/** A number, or one written as text, as the environment has it. Nothing else is taken for a number, `true` least of all. */
function numberOf<Schema extends z.ZodType<number, number>>(schema: Schema) {
  return z.preprocess(
    (value) =>
      typeof value === "string" && value.trim() !== "" && !Number.isNaN(Number(value)) ? Number(value) : value,
    schema,
  )
}

const seconds = numberOf(z.number().positive().max(86_400))
const upTo = (max: number) => numberOf(z.int().min(1).max(max))
/** One for all keys: each schema that is made takes its time at the start. */
const count = numberOf(z.int().min(1))
const text = z.string().trim().min(1)
/** A list in YAML, or words with commas between in the environment. */
const list = z.preprocess(
  (value) =>
    typeof value === "string"
      ? value
          .split(",")
          .map((word) => word.trim())
          .filter(Boolean)
      : value,
  z.array(text),
)

export const ChatConfig = z.strictObject({
  /** UTF-16 units of a message's text. */
  max_message_length: upTo(1_000_000).default(10_000),
  /** UTF-16 units of one answer, thinking included; what grows beyond it is cut off there. */
  max_answer_length: upTo(100_000_000).default(1_000_000),
  /** Tool calls, steps, files and the like in one answer, and their JSON together, in UTF-16 units. */
  max_answer_parts: upTo(100_000).default(1000),
  max_parts_length: upTo(100_000_000).default(2_000_000),
  /** Events that a bot may yield in one second, and in one turn; one that is not text counts as ten. */
  max_events_per_second: count.default(50_000),
  max_turn_events: count.default(1_000_000),
  /** Messages that a bot gets as context, and that a snapshot holds. */
  max_history_messages: upTo(1000).default(50),
  /** Seconds between pings. */
  heartbeat_interval: seconds.default(30),
  /** Seconds that a chat without any connection stays active; then it is paused and leaves memory. */
  connection_timeout: seconds.default(300),
  /** Chats that this instance serves at the same time. */
  max_concurrent_sessions: count.default(1000),
  /** Sockets that one user may have open on this instance. */
  max_connections_per_user: count.default(100),
  /** Chats that one user may have joined at the same time, over all sockets on this instance. */
  max_chats_per_user: count.default(200),
  /** New chats a minute that one user may make on average, and at once. */
  new_chats_rate: numberOf(z.number().positive()).default(60),
  new_chats_burst: count.default(200),
  /** Chats that one socket may join. */
  max_chats_per_connection: count.default(100),
  /** Bytes of one frame from a client. */
  max_frame_bytes: upTo(1_048_576).default(131_072),
  /** Runs of a turn whose instance dies each time, before it is given up. What the bot keeps on the way starts the count anew. */
  max_turn_attempts: upTo(100).default(3),
  /** Messages that may wait in one chat while a turn runs. */
  max_queued_turns: upTo(1000).default(20),
  /** Events that are replayed at most; a client further behind gets a snapshot. */
  max_replay_events: count.default(5000),
  /** Frames a second that one socket may send on average. */
  rate_limit: numberOf(z.number().positive()).default(20),
  /** Frames that one socket may send at once. */
  rate_burst: count.default(60),
  /** Seconds that running turns get at shutdown. */
  drain_timeout: numberOf(z.number().min(0).max(300)).default(20),
  /**
   * How a chat gets its title when nobody gives it one: asked of the `model`, the first `words` of the first message, or not
   * at all (`off`). `auto`: model where `model.base_url` is set, else words.
   */
  auto_title: z.enum(["auto", "model", "words", "off"]).default("auto"),
  /** Origins of browser pages that may connect, besides loopback ones; `*` = any. */
  allowed_origins: list.default([]),
})
export type ChatConfig = z.infer<typeof ChatConfig>

const s3 = z.strictObject({
  /** http(s)://host[:port]; left out: AWS, by the region. */
  endpoint: z.url({ protocol: /^https?$/ }).optional(),
  bucket: text,
  region: text.default("us-east-1"),
  access_key_id: text,
  secret_access_key: text,
})

/** Types that are taken when the configuration names none. */
const usualTypes = [
  ...["text/plain", "text/markdown", "text/csv", "text/html", "application/json", "application/pdf"],
  "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
  "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
  "application/vnd.openxmlformats-officedocument.presentationml.presentation",
  ...["image/png", "image/jpeg", "image/gif", "image/webp"],
]

export const FilesConfig = z
  .strictObject({
    /** Where the content lies: in data_dir/files, or in a bucket. */
    storage: z.enum(["disk", "s3"]).default("disk"),
    s3: s3.optional(),
    /** Bytes of one file. */
    max_bytes: upTo(1_073_741_824).default(20_971_520),
    /** Files that one user may keep here, and their bytes in all. */
    max_files_per_user: count.default(1000),
    max_bytes_per_user: count.default(1_073_741_824),
    /** Uploads of one user at the same time, on this instance. */
    max_uploads_per_user: upTo(100).default(4),
    /** MIME types that are taken, found by the content; `image/*` = all images. */
    types: list
      .pipe(z.array(z.string().regex(/^[\w.+-]+\/(?:[\w.+-]+|\*)$/, "must be a MIME type, or one with /* at its end")))
      .default(usualTypes),
    /** Reading a file as text: UTF-16 units that a bot gets at most, the rest is left out. */
    max_text_length: upTo(10_000_000).default(500_000),
    /** The same: pages of a PDF; one with more is refused. */
    max_pdf_pages: count.default(2000),
    /** The same: seconds, and bytes of memory, that it may take. */
    text_timeout: seconds.default(30),
    text_memory_bytes: count.default(805_306_368),
  })
  .refine(({ storage, s3: bucket }) => storage !== "s3" || bucket !== undefined, {
    path: ["s3"],
    message: "is needed for storage: s3",
  })
export type FilesConfig = z.infer<typeof FilesConfig>
/** Who may use a bot: these users, and whoever has one of these roles. To others it is not there. */
export const Allowed = z
  .strictObject({
    users: z.array(z.int().min(0)).optional(),
    roles: z.array(z.enum(["user", "admin"])).optional(),
  })
  .refine(({ users, roles }) => users !== undefined || roles !== undefined, "users or roles is needed")
export type Allowed = z.infer<typeof Allowed>

export const FlowConfig = z.strictObject({
  /** A flow_id, or a beginning with `*` at the end. */
  flow_id: z
    .string()
    .regex(/^[A-Za-z0-9._~:-]*\*?$/)
    .default("*"),
  chat_type: ChatType.default("NORMAL"),
  /** Which messages it serves; all when left out. Others go to a later entry for the same flow. */
  kinds: z.array(MessageKind).min(1).optional(),
  /** Default: everybody. */
  allow: Allowed.optional(),
  /** For people, as `GET /chat/flows` shows them. */
  name: text.max(100).optional(),
  description: text.max(1000).optional(),
  guide: z.strictObject(GuidePart.omit({ type: true }).shape).optional(),
  /** Name of the handler, or of a package; or the path of a module, from the file's folder: ./ or ../ or absolute. */
  handler: text,
  /** What to do with a message that comes while a turn is open and names no policy itself (P6.3). Default: enqueue. */
  policy: Policy.optional(),
  /** Seconds that one turn may take. Default: 3600. */
  timeout_s: seconds.optional(),
  /** The handler's own options. */
  options: z.record(z.string(), z.json()).default({}),
})
export type FlowConfig = z.infer<typeof FlowConfig>

const Keys = z.strictObject({
  /** Address to listen on. */
  host: text.default("127.0.0.1"),
  /** TCP port; 0 = any free one. */
  port: numberOf(z.int().min(0).max(65_535)).default(3000),
  /**
   * Where people reach the service, as far as /chat: https://chat.example.org. For links that are passed on; when left out,
   * what the request for one came to.
   */
  public_url: z.url({ protocol: /^https?$/ }).optional(),
  /** Folder for the embedded database and the secret. */
  data_dir: text.default("data"),
  database: z
    .strictObject({
      /** file:, http:, https: or libsql:. Default: chat.db in data_dir. */
      url: z
        .string()
        .regex(/^(file:|https?:\/\/|libsql:\/\/)/, "must begin with file:, http://, https:// or libsql://")
        .optional(),
      auth_token: text.optional(),
      /** A replica near this instance, for large reads; what it does not have yet is read at `url`. */
      replica_url: z
        .string()
        .regex(/^(https?|libsql):\/\//, "must begin with http://, https:// or libsql://")
        .optional(),
    })
    .prefault({}),
  /** nats://host:port, the bus between instances. */
  nats_url: z
    .string()
    .regex(/^(nats|tls):\/\//, "must begin with nats:// or tls://")
    .optional(),
  /** Signs and checks tokens (HS256): at least 32 bytes (RFC 7518, 3.2). Default: made at the first start and kept in data_dir. */
  jwt_secret: z
    .string()
    .refine((secret) => Buffer.byteLength(secret) >= 32, "must have at least 32 bytes")
    .optional(),
  model: z
    .strictObject({
      /** Of an OpenAI-compatible service, with the version: https://.../v1 */
      base_url: z.url({ protocol: /^https?$/ }).optional(),
      api_key: text.optional(),
      /** Which model to ask for; servers of a single model mostly ignore it. */
      name: text.default("default"),
    })
    .prefault({}),
  log_level: z.enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"]).default("info"),
  chat: ChatConfig.prefault({}),
  files: FilesConfig.prefault({}),
  /** Which bot serves which flow; the first that fits is taken. Default: every flow of type NORMAL and WORKFLOW. */
  flows: z.array(FlowConfig).optional(),
})

/** With what must fit together. */
export const Config = Keys.refine(({ chat, model }) => chat.auto_title !== "model" || model.base_url !== undefined, {
  path: ["chat", "auto_title"],
  error: "model needs one: set model.base_url (or MODEL_BASE_URL)",
})
export type Config = z.infer<typeof Config>
