// What somebody may use, as it is shown to people (GET /chat/flows).
import type { Principal } from "../auth/token.ts"
import type { Registry, Route } from "../handlers/registry.ts"
import type { Language } from "../language/language.ts"
import { MessageKind } from "../protocol/message.ts"
import type { Flow } from "../protocol/rest-flows.ts"
import { botCommands, serviceCommands } from "./commands.ts"

export function flowsFor(registry: Registry, who: Principal, language: Language): Flow[] {
  return registry.routesFor(who).map((route) => shown(route, language))
}

function shown({ handler, flow }: Route, language: Language): Flow {
  const kinds = flow.kinds ?? MessageKind.options
  const ofBot = kinds.includes("command") ? botCommands(handler) : []
  return {
    flow_id: flow.flow_id,
    chat_type: flow.chat_type,
    name: flow.name ?? null,
    description: flow.description ?? handler.description,
    guide: flow.guide ?? { questions: [] },
    kinds: [...kinds],
    commands: [
      ...serviceCommands(language).map((command) => ({ ...command, of_bot: false })),
      ...ofBot.map(({ name, description }) => ({ name, usage: `/${name}`, description, of_bot: true })),
    ],
    policy: flow.policy ?? "enqueue",
  }
}
