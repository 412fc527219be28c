// What was used, by turn, day, user, flow or model. The rows of the owner are read by index; putting them into groups sorts them.
import { and, count, eq, isNotNull, isNull, type SQL, sql } from "drizzle-orm"
import type { Group, GroupBy } from "../protocol/rest-statistics.ts"
import type { Database } from "./database.ts"
import { messages, sessions } from "./schema.ts"
import { chosenBy, type StatisticsFilter, usageSums } from "./statistics.ts"

const keys: Record<GroupBy, { readonly of: SQL; readonly order: "asc" | "desc" }> = {
  // Their names begin with the time.
  turn: { of: sql`${messages.turn_id}`, order: "desc" },
  day: { of: sql`substr(${messages.create_time}, 1, 10)`, order: "desc" },
  user: { of: sql`${sessions.user_id}`, order: "asc" },
  flow: { of: sql`${sessions.flow_id}`, order: "asc" },
  model: { of: sql`${messages.usage} ->> 'model'`, order: "asc" },
}

export interface GroupPage {
  /** Begin after the group with this key. */
  readonly after?: string | undefined
  readonly limit: number
}

export async function readGroups(
  db: Database,
  filter: StatisticsFilter,
  group_by: GroupBy,
  { after, limit }: GroupPage,
): Promise<Group[]> {
  const { of, order } = keys[group_by]
  const place = group_by === "user" ? Number(after) : after
  const beyond = order === "desc" ? sql`${of} < ${place}` : sql`${of} > ${place}`
  const rows = await db.orm
    .select({
      key: sql<string | number>`${of}`,
      turns: sql<number>`count(distinct ${messages.turn_id})`,
      messages: count(),
      usage: usageSums,
    })
    .from(sessions)
    .crossJoin(messages)
    .where(
      and(
        chosenBy(filter, messages.create_time),
        eq(messages.session_id, sessions.id),
        isNull(messages.deleted_at),
        isNotNull(of),
        after === undefined ? undefined : beyond,
      ),
    )
    .groupBy(of)
    .orderBy(sql`${of} ${sql.raw(order)}`)
    .limit(limit)
  return rows.map(({ key, ...group }) => ({ key: String(key), ...group }))
}
