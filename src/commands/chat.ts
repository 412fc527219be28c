// bun run chat: a conversation in the terminal, or from a script through a pipe. The first user of src/client.
import { Commands } from "./chat/commands.ts"
import { Conversation, type Place } from "./chat/conversation.ts"
import { Keyboard } from "./chat/keyboard.ts"
import { type ChatCommandOptions, readOptions } from "./chat/options.ts"
import { Screen } from "./chat/screen.ts"
import { Service } from "./chat/service.ts"
import { fail, UsageError } from "./start-up.ts"

try {
  await talk(readOptions(Bun.argv.slice(2)))
} catch (error) {
  fail(error)
}
