// Several instances of the service as real processes on one libSQL server, with a bus between them where there is one.
import { issueToken } from "../../src/auth/token.ts"
import { systemClock } from "../../src/clock.ts"
import { type NatsServer, natsServer, startNats } from "./nats.ts"
import { freePort } from "./port.ts"
import { type ServiceProcess, startService, temporaryFolder } from "./process.ts"
import { type Sqld, startReplica, startSqld } from "./sqld.ts"

export interface ClusterOptions {
  readonly instances: number
  /** What is started, from the root of the tree; default: the service itself. */
  readonly file?: string
  readonly env?: Readonly<Record<string, string>>
  /** Where instance `number` finds the store, a replica of it, or the bus: a place for something in between. */
  readonly route?: (what: "store" | "replica" | "bus", url: string, number: number) => Promise<string>
}

/** One of the instances; it keeps its port when it is started again. */
export interface Member {
  readonly number: number
  readonly url: string
  /** The process that runs, or ran last. */
  readonly process: ServiceProcess
  /** Everything that its processes logged as errors. */
  readonly errors: readonly string[]
  start(): Promise<void>
}

export interface Cluster extends AsyncDisposable {
  readonly primary: Sqld
  readonly replica: Sqld
  /** Null: there is no nats-server on this machine. */
  readonly bus: NatsServer | null
  readonly members: readonly Member[]
  token(user: number, ttl_s: number): Promise<string>
}

/** Starts all of it; what was started before something failed is ended again. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { instances, route = async (_what, url) => url } = options
  await using parts = new AsyncDisposableStack()
  const folder = parts.use(await temporaryFolder())
  const primary = parts.use(await startSqld())
  const replica = parts.use(await startReplica(primary))
  parts.adopt(
    setInterval(() => void keepAwake(replica), 60_000),
    (timer) => clearInterval(timer),
  )
  const bus = natsServer ? parts.use(await startNats()) : null
  const secret = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("hex")
  const members: Member[] = []
  for (let number = 0; number < instances; number++) {
    const env = {
      JWT_SECRET: secret,
      DATA_DIR: folder.path,
      DATABASE_URL: await route("store", primary.url, number),
      DATABASE_REPLICA_URL: await route("replica", replica.url, number),
      ...(bus ? { NATS_URL: await route("bus", bus.url, number) } : {}),
      ...options.env,
    }
    const member = await startMember(number, env, options.file)
    parts.defer(() => member.process[Symbol.asyncDispose]())
    members.push(member)
  }
  const all = parts.move()
  return {
    primary,
    replica,
    bus,
    members,
    token: (user_id, ttl_s) =>
      issueToken(new TextEncoder().encode(secret), { user_id, role: "user", ttl_s }, systemClock),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}

/** It ends by itself when nobody asks it for two minutes; the primary is asked all the time, a replica need not be. */
async function keepAwake({ url }: Sqld): Promise<void> {
  const requests = [{ type: "execute", stmt: { sql: "select 1" } }, { type: "close" }]
  // Away: then there is nothing to be kept awake.
  await fetch(`${url}/v2/pipeline`, { method: "POST", body: JSON.stringify({ requests }) }).catch(() => undefined)
}

async function startMember(number: number, env: Record<string, string>, file?: string): Promise<Member> {
  const port = String(freePort())
  const start = () => startService({ env: { ...env, PORT: port }, ...(file === undefined ? {} : { file }) })
  const earlier: string[] = []
  let running = await start()
  return {
    number,
    url: `http://127.0.0.1:${port}`,
    get process() {
      return running
    },
    get errors() {
      return [...earlier, ...errorsOf(running)]
    },
    async start() {
      earlier.push(...errorsOf(running))
      running = await start()
    },
  }
}

function errorsOf({ err }: ServiceProcess): string[] {
  // 50 = error. A process that was killed may leave half a line.
  return err
    .split("\n")
    .filter((line) => !line.startsWith("{") || /"level":[56]0/.test(line.slice(0, 12)))
    .filter(Boolean)
}
