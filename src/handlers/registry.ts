// Which bot answers which flow: routes from the configuration to a handler with its options, built once at start-up.
import { type Clock, delay, systemClock } from "../clock.ts"
import { ConfigError } from "../config.ts"
import type { Log } from "../log.ts"
import type { MessageKind } from "../protocol/message.ts"
import type { ChatType } from "../protocol/session.ts"
import type { Config, FlowConfig } from "../settings.ts"
import { defaultFlows, speakToTheModel } from "./built-in.ts"
import { findHandler } from "./find.ts"
import type { Handler } from "./handler.ts"
import { checkOptions, withService } from "./options.ts"
import { allows, covers, unreachable, type Who } from "./reach.ts"

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
  /**
   * The first route that fits: for this kind of message, if one is named, and for this person, if one is. What a person may
   * not use is as if it were not there.
   */
  pick(flowId: string, chatType: ChatType, kind?: MessageKind, who?: Who): Route | undefined
  /** Every route for a flow, whoever asks whatever. */
  routesOf(flowId: string, chatType: ChatType): readonly Route[]
  /** What somebody may use, in the order of the configuration. */
  routesFor(who: Who): readonly Route[]
  list(): readonly RouteName[]
  /** Lets every handler go of what it keeps open. One that fails, or takes too long, is left. */
  close(clock: Clock, log: Log): Promise<void>
}

/** Milliseconds that a handler gets to let go. */
const closeWithin = 5000

/**
 * Builds the routes of `config.flows`, or of the default flows. `handlers` come on top of the built-in ones. Throws ConfigError
 * with every fault at once: one bad plug-in stops the start.
 */
export async function createRegistry(
  config: Pick<Config, "flows" | "model">,
  handlers: Readonly<Record<string, Handler>> = {},
  clock: Clock = systemClock,
): Promise<Registry> {
  const flows = config.flows ?? defaultFlows(config.model)
  const results = await Promise.all(
    flows.map((flow, index) => createRoute({ flow, place: `flows.${index}`, handlers, service: config.model, clock })),
  )
  const faults = [...results.flatMap((result) => ("faults" in result ? result.faults : [])), ...unreachable(flows)]
  if (faults.length > 0) throw new ConfigError(faults)
  const routes = results.flatMap((result) => ("route" in result ? [result.route] : []))
  const routesOf = (flowId: string, chatType: ChatType) =>
    routes.filter(({ flow }) => flow.chat_type === chatType && covers(flow.flow_id, flowId))
  return {
    routesOf,
    pick: (flowId, chatType, kind, who) =>
      routesOf(flowId, chatType).find(
        ({ flow }) => (!kind || (flow.kinds?.includes(kind) ?? true)) && (!who || allows(flow.allow, who)),
      ),
    routesFor: (who) => routes.filter(({ flow }) => allows(flow.allow, who)),
    list: () =>
      routes.map(({ flow, handler }) => ({
        flow_id: flow.flow_id,
        chat_type: flow.chat_type,
        handler: flow.handler,
        description: flow.description ?? handler.description,
      })),
    async close(on, log) {
      const distinct = new Set(routes.map(({ handler }) => handler))
      await Promise.all([...distinct].map((handler) => close(handler, on, log)))
    },
  }
}

async function close(handler: Handler, clock: Clock, log: Log): Promise<void> {
  if (!handler.close) return
  const closed = new AbortController()
  try {
    const work = Promise.try(() => handler.close?.()).then(() => "closed")
    const late = delay(clock, closeWithin, closed.signal).then(() => "late")
    if ((await Promise.race([work, late])) === "late") throw new Error(`not closed within ${closeWithin / 1000} s`)
  } catch (error) {
    log.error({ err: error, handler: handler.name }, "a handler did not let go of what it keeps open")
  } finally {
    closed.abort()
  }
}

interface Draft {
  readonly flow: FlowConfig
  /** Where it is in the configuration. */
  readonly place: string
  readonly handlers: Readonly<Record<string, Handler>>
  readonly service: Config["model"]
  readonly clock: Clock
}

type Result = Readonly<{ route: Route }> | Readonly<{ faults: readonly string[] }>

async function createRoute({ flow, place, handlers, service, clock }: Draft): Promise<Result> {
  const name = flow.handler
  const loaded = await findHandler(name, clock, handlers)
  if ("problem" in loaded) return { faults: [`${place}.handler: ${loaded.problem}`] }
  const { handler } = loaded
  const own = !Object.hasOwn(handlers, name) && speakToTheModel.includes(name)
  const checked = await checkOptions(handler, own ? withService(flow.options, service) : flow.options)
  if ("options" in checked) return { route: { handler, options: checked.options, flow } }
  const about = `(flow '${flow.flow_id}', handler '${name}')`
  return { faults: checked.faults.map(({ path, problem }) => `${place}.${path} ${about}: ${problem}`) }
}
