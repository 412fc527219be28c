// What the chats of an instance stand on.
import type { Bus } from "../bus/bus.ts"
import type { Clock } from "../clock.ts"
import type { Registry } from "../handlers/registry.ts"
import type { Log } from "../log.ts"
import type { Config } from "../settings.ts"
import type { Database } from "../store/database.ts"
import type { Writer } from "../store/writer.ts"
import type { FanOut } from "./live-chat.ts"
import type { TurnDeps } from "./turn.ts"

export interface ManagerDeps extends Pick<TurnDeps, "filesOf" | "graphsOf"> {
  readonly db: Database
  readonly writer: Writer
  readonly bus: Bus
  readonly registry: Registry
  readonly clock: Clock
  readonly log: Log
  readonly config: Config
  readonly instance: string
  readonly fanOut: FanOut
}
