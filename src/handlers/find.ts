// From the name in a configuration to a handler: given by a test, built in, a module, or a package.
import type { Clock } from "../clock.ts"
import { builtIn } from "./built-in.ts"
import type { Handler } from "./handler.ts"
import { type Loaded, loadHandler } from "./module.ts"

/** Never null: what is not there is a problem. `given` handlers go before the built-in ones. */
export async function findHandler(
  name: string,
  clock: Clock,
  given: Readonly<Record<string, Handler>> = {},
): Promise<Loaded> {
  const own = Object.hasOwn(given, name) ? given[name] : undefined
  if (own) return { handler: own }
  const load = Object.hasOwn(builtIn, name) ? builtIn[name] : undefined
  const loaded = load ? { handler: (await load()).default } : await loadHandler(name, clock)
  if (loaded) return loaded
  const names = Object.keys({ ...builtIn, ...given }).join(", ")
  return { problem: `there is no handler, module or package '${name}'; handlers are ${names}` }
}
