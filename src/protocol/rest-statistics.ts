// The route that counts: sessions, messages, turns, and what the models used; as one sum, and by turn, day, user, flow or model.
import { z } from "zod"
import { FlowId } from "./ids.ts"
import { between, ofUsers, page, pageOf, route } from "./route.ts"
import { ChatType, Lifecycle, SessionState } from "./session.ts"
import { TurnState } from "./turn.ts"

/** What chooses among all that is counted. */
export const counted = { ...ofUsers, ...between, chat_type: ChatType.optional(), flow_id: FlowId.optional() }

export const GroupBy = z.enum(["turn", "day", "user", "flow", "model"]).meta({ id: "GroupBy" })
export type GroupBy = z.infer<typeof GroupBy>

export const StatisticsQuery = z.strictObject({
  ...counted,
  group_by: GroupBy.optional().describe(
    "Adds `groups`: turns and days the newest first, the others in the order of their names. Days are of UTC. user: for administrators with user_id=all.",
  ),
  ...page,
})

const number = z.int().min(0)
/** As far as the models told it. */
export const UsageSum = z
  .object({
    input_tokens: number,
    output_tokens: number,
    reasoning_tokens: number,
    total_tokens: number,
    cost: z.number().min(0).describe("In the currency of the configuration's prices."),
  })
  .meta({ id: "UsageSum" })
export type UsageSum = z.infer<typeof UsageSum>

export const Group = z
  .object({
    key: z.string().describe("A turn_id, a day as 2026-01-31, a user_id, a flow_id, or the name of a model."),
    turns: number.describe("Those that the messages belong to."),
    messages: number,
    usage: UsageSum,
  })
  .meta({ id: "Group" })
export type Group = z.infer<typeof Group>

/** `since` and `until` choose by `create_time`: of the session, the message, the turn. What is deleted is not counted. */
export const Statistics = z
  .object({
    sessions: z.object({
      total: number,
      by_state: z.record(SessionState, number),
      by_chat_type: z.record(ChatType, number),
      by_lifecycle: z.record(Lifecycle, number),
    }),
    messages: z.object({ total: number, by_people: number, by_bots: number }),
    turns: z.object({ by_state: z.record(TurnState, number) }),
    usage: UsageSum,
    groups: pageOf(Group)
      .optional()
      .describe("With group_by. Messages that are of no turn, or of no model, are of no group."),
  })
  .meta({ id: "Statistics" })
export type Statistics = z.infer<typeof Statistics>

export const statisticsRoutes = {
  statistics: route("get", "/chat/statistics", {
    summary: "Count sessions, messages, turns, tokens and cost",
    description:
      "`since` and `until` choose by the `create_time` of each session, message and turn. What is deleted is not counted. `usage` is what the models told.",
    query: StatisticsQuery,
    data: Statistics,
  }),
}
