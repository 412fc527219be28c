// The composition root: opens what the configuration names, puts the parts together, listens, and takes all down again.

import { version } from "../package.json"
import { resolveSecret } from "./auth/secret.ts"
import { verifyToken } from "./auth/token.ts"
import type { Bus } from "./bus/bus.ts"
import { openMemoryBus } from "./bus/memory.ts"
import { flowsFor } from "./chat/flows.ts"
import { ChatManager } from "./chat/manager.ts"
import { type Clock, delay, systemClock } from "./clock.ts"
import { openFiles } from "./files/open.ts"
import type { Handler } from "./handlers/handler.ts"
import { createRegistry, type RouteName } from "./handlers/registry.ts"
import type { AppDeps } from "./http/app.ts"
import { newId } from "./ids.ts"
import type { Log } from "./log.ts"
import type { Config } from "./settings.ts"
import type { ConnectionDeps } from "./socket/connection.ts"
import { fanOutOf } from "./socket/topics.ts"
import { answerHeaders, isChatUpgrade, readVisit, type SocketData } from "./socket/upgrade.ts"
import { openSockets } from "./socket/websocket.ts"
import { type Database, migrateDatabase, openDatabase } from "./store/database.ts"
import { openGraphCheckpoints } from "./store/graph-checkpoints.ts"
import { Writer } from "./store/writer.ts"

export interface ServerOverrides {
  readonly clock?: Clock
  /** On top of the built-in ones, by name. */
  readonly handlers?: Readonly<Record<string, Handler>>
  /** Puts something between the service and its database, or its bus: faults to be survived. */
  database?(real: Database): Database
  bus?(real: Bus): Bus
}

export interface RunningServer {
  /** http://host:port */
  readonly url: string
  readonly instance: string
  /** Where the data is, for people. */
  readonly database: string
  readonly bots: readonly RouteName[]
  readonly manager: ChatManager
  /** Refuses what is new, gives running turns their time, sends clients away, closes. Calling it again waits for the first. */
  stop(): Promise<void>
}

/** Starts the service. Throws ConfigError, SecretError, DatabaseError or PortError, each with a sentence for the operator. */
export async function startServer(
  config: Readonly<Config>,
  log: Log,
  overrides: ServerOverrides = {},
): Promise<RunningServer> {
  const clock = overrides.clock ?? systemClock
  const instance = newId("instance")
  const { database: withFaults = itself, bus: withLosses = itself } = overrides
  // A thread of its own opens the file: the bots are loaded meanwhile, and what is wrong with them is told first.
  const opening = openDatabase(config, { clock, log })
  // Looked at below.
  opening.catch(() => undefined)
  const loading = Promise.all([createRegistry(config, overrides.handlers, clock), resolveSecret(config)])
  const [registry, secret] = await loading.catch(async (error: unknown) => {
    await opening.then((opened) => opened.close()).catch(() => undefined)
    throw error
  })
  const db = withFaults(await opening)
  try {
    await migrateDatabase(db)
    const bus = withLosses(await openBus(config, instance, log))
    const fanOut = fanOutOf(() => server)
    const files = openFiles(config, { db, clock, log })
    const manager = new ChatManager({
      db,
      writer: new Writer(db, clock),
      bus,
      registry,
      clock,
      log,
      config,
      instance,
      fanOut,
      graphsOf: (turn) => openGraphCheckpoints(db, turn),
      filesOf: ({ user_id }) => files.filesFor(user_id),
    })
    const deps: ConnectionDeps = {
      ...{ manager, clock, log },
      config: config.chat,
      verify: (token) => verifyToken(secret, token, clock),
    }
    const sockets = openSockets(deps)
    const flows: AppDeps["flows"] = (who, language) => flowsFor(registry, who, language)
    const server = listen(
      config,
      async (request, bun) => {
        if (!isChatUpgrade(request)) return (await app).fetch(request)
        const data = await readVisit(request, { secret, clock, config })
        if (bun.upgrade(request, { data, headers: answerHeaders(request) })) return undefined
        return new Response("this is not a WebSocket handshake", { status: 400 })
      },
      sockets.handler,
      (error) => {
        log.error({ err: error }, "a request could not be taken")
        return new Response("this request cannot be understood", { status: 400 })
      },
    )
    // REST is a third of all modules: loaded while those who are first come in already. A fault in it still ends the start.
    const app = import("./http/app.ts").then(({ createApp }) =>
      createApp({
        ...{ db, flows, chat: manager, files: files.keeper, held: files.held, secret, clock, log },
        ...{ config, instance, version },
      }),
    )
    const recovering = Promise.all([manager.start(), files.keeper.tidy(db.kind === "file")])
    const [{ startIndexer }] = await Promise.all([import("./store/search-indexer.ts"), app, recovering]).catch(
      async (error: unknown) => {
        await server.stop(true)
        sockets.stop()
        throw error
      },
    )

    const stopIndexer = startIndexer({ db, clock, log, instance })
    const stopTidying = files.held.startTidying()

    let stopping: Promise<void> | undefined
    const stop = async () => {
      log.info({ instance }, "draining")
      await sockets.drain(manager.drain(config.chat.drain_timeout * 1000))
      // A client that does not answer the close frame is not waited for long.
      await Promise.race([server.stop(), delay(clock, 2000).then(() => server.stop(true))])
      sockets.stop()
      await registry.close(clock, log)
      files.close()
      stopTidying()
      await bus.close()
      await stopIndexer()
      await db.close()
      log.info({ instance }, "stopped")
    }
    return {
      url: server.url.origin,
      instance,
      database: db.label,
      bots: registry.list(),
      manager,
      stop: () => (stopping ??= stop()),
    }
  } catch (error) {
    await registry.close(clock, log)
    await db.close()
    throw error
  }
}

/** NATS is loaded by those who use it: a tenth of the time of a start. */
async function openBus({ nats_url: url }: Config, name: string, log: Log): Promise<Bus> {
  return url ? (await import("./bus/nats.ts")).openNatsBus({ url, name, log }) : openMemoryBus()
}

function itself<T>(real: T): T {
  return real
}

export class PortError extends Error {
  override readonly name = "PortError"
}

type Fetch = (request: Request, server: Bun.Server<SocketData>) => Promise<Response | undefined>

function listen(
  { host, port }: Config,
  fetch: Fetch,
  websocket: Bun.WebSocketHandler<SocketData>,
  error: (fault: unknown) => Response,
): Bun.Server<SocketData> {
  try {
    return Bun.serve({
      hostname: host,
      port,
      websocket,
      error,
      // Else Bun answers a fault with a page that shows the source (Bun 1.4: the default outside NODE_ENV=production).
      development: false,
      // Each route has a limit of its own, and an answer that says so; Bun's would cut the connection.
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
      fetch: fetch as (...args: Parameters<Fetch>) => Promise<Response>,
    })
  } catch (cause) {
    const inUse = cause instanceof Error && "code" in cause && cause.code === "EADDRINUSE"
    const problem = inUse
      ? "is in use: set PORT to another one, or stop what listens there"
      : `cannot be listened on, check HOST and PORT: ${cause instanceof Error ? cause.message : String(cause)}`
    throw new PortError(`${host}:${port} ${problem}`, { cause })
  }
}
