// The configuration: defaults < the YAML file that CHAT_CONFIG names < environment. The only reader of the environment.
import { readFileSync } from "node:fs"
import { dirname, relative, resolve } from "node:path"
import { ChatConfig, Config, FilesConfig } from "./settings.ts"

export type Environment = Readonly<Record<string, string | undefined>>

/** Environment name -> path in the configuration. */
const names: Record<string, readonly [string, ...string[]]> = {
  HOST: ["host"],
  PORT: ["port"],
  PUBLIC_URL: ["public_url"],
  DATA_DIR: ["data_dir"],
  DATABASE_URL: ["database", "url"],
  DATABASE_AUTH_TOKEN: ["database", "auth_token"],
  DATABASE_REPLICA_URL: ["database", "replica_url"],
  NATS_URL: ["nats_url"],
  JWT_SECRET: ["jwt_secret"],
  MODEL_BASE_URL: ["model", "base_url"],
  MODEL_API_KEY: ["model", "api_key"],
  MODEL_NAME: ["model", "name"],
  LOG_LEVEL: ["log_level"],
  FILES_S3_ENDPOINT: ["files", "s3", "endpoint"],
  FILES_S3_BUCKET: ["files", "s3", "bucket"],
  FILES_S3_REGION: ["files", "s3", "region"],
  FILES_S3_ACCESS_KEY_ID: ["files", "s3", "access_key_id"],
  FILES_S3_SECRET_ACCESS_KEY: ["files", "s3", "secret_access_key"],
}
for (const key of Object.keys(ChatConfig.shape)) names[`CHAT_${key.toUpperCase()}`] = ["chat", key]
for (const key of Object.keys(FilesConfig.shape)) if (key !== "s3") names[`FILES_${key.toUpperCase()}`] = ["files", key]

/** Every fault of a configuration at once, each with the name that has to be corrected. */
export class ConfigError extends Error {
  readonly faults: readonly string[]

  constructor(faults: readonly string[]) {
    super(
      `The configuration has ${faults.length === 1 ? "a fault" : `${faults.length} faults`}:\n  ${faults.join("\n  ")}`,
    )
    this.name = "ConfigError"
    this.faults = faults
  }
}

/** Reads and checks the configuration. An empty variable counts as not set. Throws ConfigError. */
export function loadConfig(environment: Environment = Bun.env): Readonly<Config> {
  const set = Object.entries(environment).filter((entry): entry is [string, string] => Boolean(entry[1]))
  const merged = readYaml(environment.CHAT_CONFIG)
  const origin = new Map<string, string>()
  for (const [name, value] of set) {
    const path = names[name]
    if (!path) continue
    place(merged, path, value)
    origin.set(path.join("."), name)
  }
  // What zod compiles for an object pays off when many are read; here it took half of the time.
  const result = Config.safeParse(merged, { jitless: true })
  if (result.success) return deepFreeze(withModules(result.data, environment.CHAT_CONFIG))
  throw new ConfigError(
    result.error.issues.flatMap((issue) => {
      const path = issue.path.map(String)
      if (issue.code === "unrecognized_keys")
        return issue.keys.map((key) => `${[...path, key].join(".")}: there is no such key`)
      return `${origin.get(path.join(".")) ?? path.join(".")}: ${issue.message}`
    }),
  )
}

/** The file's own modules are named from where the file is; the rest of the service takes paths from the working directory. */
function withModules(config: Config, file: string | undefined): Config {
  if (!file || !config.flows) return config
  const moved = (path: string) => {
    if (!/^\.\.?\//.test(path)) return path
    const found = relative(process.cwd(), resolve(dirname(file), path))
    return found.startsWith("../") ? found : `./${found}`
  }
  const flows = config.flows.map((flow) => {
    const { graph, tools } = flow.options
    const options = {
      ...flow.options,
      ...(flow.handler === "graph" && typeof graph === "string" ? { graph: moved(graph) } : {}),
      ...(flow.handler === "assistant" && Array.isArray(tools)
        ? { tools: tools.map((tool) => (typeof tool === "string" ? moved(tool) : tool)) }
        : {}),
    }
    return { ...flow, handler: moved(flow.handler), options }
  })
  return { ...config, flows }
}

/** Variables that begin like ours but mean nothing: most likely misspelt. */
export function unknownVariables(environment: Environment = Bun.env): string[] {
  return Object.keys(environment).filter(
    (name) => /^(?:CHAT|FILES)_/.test(name) && name !== "CHAT_CONFIG" && !names[name],
  )
}

type Tree = Record<string, unknown>

function readYaml(path: string | undefined): Tree {
  if (!path) return {}
  let value: unknown
  try {
    value = Bun.YAML.parse(readFileSync(path, "utf8"))
  } catch (error) {
    throw new ConfigError([
      `CHAT_CONFIG: ${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    ])
  }
  if (value === null || value === undefined) return {}
  if (!isTree(value)) throw new ConfigError([`CHAT_CONFIG: ${path} is not a YAML mapping`])
  return withoutNothing(value)
}

/** A key without a value counts as not set, like an empty variable. */
function withoutNothing(tree: Tree): Tree {
  const set = Object.entries(tree).filter(([, value]) => value !== null)
  return Object.fromEntries(set.map(([key, value]) => [key, isTree(value) ? withoutNothing(value) : value]))
}

function place(tree: Tree, [key, ...deeper]: readonly [string, ...string[]], value: string): void {
  const [next, ...rest] = deeper
  if (next === undefined) {
    tree[key] = value
    return
  }
  const inner = tree[key] ?? {}
  // What is no mapping stays, to be named as a fault.
  if (!isTree(inner)) return
  const copy = { ...inner }
  place(copy, [next, ...rest], value)
  tree[key] = copy
}

function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

function deepFreeze<T>(value: T): Readonly<T> {
  if (typeof value === "object" && value !== null) {
    for (const inner of Object.values(value)) deepFreeze(inner)
    Object.freeze(value)
  }
  return value
}

/** The token that `bun run chat` is to use, from TOKEN. */
export function givenToken(environment: Environment = Bun.env): string | undefined {
  return environment.TOKEN || undefined
}
