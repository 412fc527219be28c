// Which bot answers which flow: routes from the configuration to a handler with its options, built once at start-up.
import { ConfigError } from "../config.ts"
import type { ChatType } from "../protocol/session.ts"
import type { Config, FlowConfig } from "../settings.ts"
import echo from "./echo.ts"
import type { Handler } from "./handler.ts"
import model from "./model.ts"
import { loadHandler } from "./module.ts"

export interface Route {
  readonly handler: Handler
  /** As the handler's schema gives them. They may hold secrets. */
  readonly options: unknown
  readonly flow: FlowConfig
}

/** A route without its options, to be shown. */
export interface RouteName {
  readonly flow_id: string
  readonly chat_type: ChatType
  readonly handler: string
  readonly description: string
}

export interface Registry {
  /** The first route that fits. */
  pick(flowId: string, chatType: ChatType): Route | undefined
  list(): readonly RouteName[]
}

const builtIn: Readonly<Record<string, Handler>> = { echo, model }

/**
 * Builds the routes of `config.flows`; without flows, every flow of type NORMAL goes to the model if one is set, else
 * to the echo. `handlers` come on top of the built-in ones. Throws ConfigError with every fault at once.
 */
export async function createRegistry(
  config: Pick<Config, "flows" | "model">,
  handlers: Readonly<Record<string, Handler>> = {},
): Promise<Registry> {
  const known = new Map(Object.entries({ ...builtIn, ...handlers }))
  const flows = config.flows ?? [defaultFlow(config.model)]
  const results = await Promise.all(
    flows.map((flow, index) => createRoute({ flow, place: `flows.${index}`, known, service: config.model })),
  )
  const faults = [...results.flatMap((result) => ("faults" in result ? result.faults : [])), ...unreachable(flows)]
  if (faults.length > 0) throw new ConfigError(faults)
  const routes = results.flatMap((result) => ("route" in result ? [result.route] : []))
  return {
    pick: (flowId, chatType) => routes.find(({ flow }) => flow.chat_type === chatType && covers(flow.flow_id, flowId)),
    list: () =>
      routes.map(({ flow, handler }) => ({
        flow_id: flow.flow_id,
        chat_type: flow.chat_type,
        handler: flow.handler,
        description: handler.description,
      })),
  }
}

/** Nobody has configured a flow: the first thing a newcomer sees. Slow enough to show that answers are streamed. */
function defaultFlow(service: Config["model"]): FlowConfig {
  const flow = { flow_id: "*", chat_type: "NORMAL" } as const
  if (service.base_url) return { ...flow, handler: "model", options: {} }
  return { ...flow, handler: "echo", options: { delay_ms: 15 } }
}

interface Draft {
  readonly flow: FlowConfig
  /** Where it is in the configuration. */
  readonly place: string
  readonly known: ReadonlyMap<string, Handler>
  readonly service: Config["model"]
}

type Result = Readonly<{ route: Route }> | Readonly<{ faults: readonly string[] }>

async function createRoute({ flow, place, known, service }: Draft): Promise<Result> {
  const name = flow.handler
  const named = known.get(name)
  const loaded = named ? { handler: named } : await loadHandler(name)
  if (!loaded) {
    const names = [...known.keys()].join(", ")
    return { faults: [`${place}.handler: there is no handler, module or package '${name}'; handlers are ${names}`] }
  }
  if ("problem" in loaded) return { faults: [`${place}.handler: ${loaded.problem}`] }
  const { handler } = loaded
  const options = handler === model ? withService(flow.options, service) : flow.options
  const result = await handler.options.safeParseAsync(options)
  if (result.success) return { route: { handler, options: result.data, flow } }
  const faults = result.error.issues.map(({ path, message }) => {
    const option = ["options", ...path.map(String)].join(".")
    return `${place}.${option} (flow '${flow.flow_id}', handler '${name}'): ${message}`
  })
  return { faults }
}

/** Fills in the configuration's model. A flow with another service gets neither its key nor its model's name. */
function withService(options: FlowConfig["options"], service: Config["model"]): FlowConfig["options"] {
  const { base_url, api_key, name } = service
  if (base_url !== undefined && "base_url" in options && !sameAddress(options.base_url, base_url)) return options
  return {
    model: name,
    ...(base_url === undefined ? {} : { base_url }),
    ...(api_key === undefined ? {} : { api_key }),
    ...options,
  }
}

function sameAddress(one: unknown, other: string): boolean {
  return typeof one === "string" && one.replace(/\/+$/, "") === other.replace(/\/+$/, "")
}

/** Flows behind one that takes everything they would: surely a mistake in the order. */
function unreachable(flows: readonly FlowConfig[]): string[] {
  return flows.flatMap((flow, index) => {
    const first = flows.findIndex((other) => other.chat_type === flow.chat_type && covers(other.flow_id, flow.flow_id))
    return first < index ? [`flows.${index}: is never reached, since flows.${first} takes '${flow.flow_id}' first`] : []
  })
}

/** Does `pattern` take `flowId`, which may itself be a pattern? A `*` at the end stands for anything. */
function covers(pattern: string, flowId: string): boolean {
  return pattern === flowId || (pattern.endsWith("*") && flowId.startsWith(pattern.slice(0, -1)))
}
