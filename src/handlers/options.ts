// The options of a flow, checked by the handler's own schema.
import type { Config, FlowConfig } from "../settings.ts"
import type { Handler } from "./handler.ts"

export interface OptionFault {
  /** `options.temperature` */
  readonly path: string
  readonly problem: string
}

export type CheckedOptions = Readonly<{ options: unknown }> | Readonly<{ faults: readonly OptionFault[] }>

/** The options as the handler gets them, or what is wrong with each. A schema that throws is a fault as well. */
export async function checkOptions(handler: Handler, given: unknown): Promise<CheckedOptions> {
  try {
    const result = await handler.options.safeParseAsync(given)
    if (result.success) return { options: result.data }
    const faults = result.error.issues.map(({ path, message }) => ({
      path: ["options", ...path.map(String)].join("."),
      problem: message,
    }))
    return { faults }
  } catch (error) {
    const problem = `its schema cannot check them: ${error instanceof Error ? error.message : String(error)}`
    return { faults: [{ path: "options", problem }] }
  }
}

/** Fills in the configuration's model. A flow with another service gets neither its key nor its model's name. */
export function withService(options: FlowConfig["options"], service: Config["model"]): FlowConfig["options"] {
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
