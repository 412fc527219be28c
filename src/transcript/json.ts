// A conversation as JSON: its messages as the API gives them.
import type { Writer } from "./transcript.ts"

export const json: Writer = {
  head: ({ session }) => `{"session":${JSON.stringify(session)},\n"messages":[`,
  message: (message, _heading, _language, place) => `${place === 0 ? "" : ","}\n${JSON.stringify(message)}`,
  foot: () => "\n]}\n",
}
