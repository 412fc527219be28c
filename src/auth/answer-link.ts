// A link by which one question can be answered: a JWT, HS256, with a key of its own made from the service's secret, so that
// it is no login token, and a login token is no link, whatever is in them.
import { createHmac } from "node:crypto"
import { errors, jwtVerify, SignJWT } from "jose"
import { z } from "zod"
import type { Clock } from "../clock.ts"
import { ChatError } from "../errors.ts"
import { Role } from "./token.ts"

const typ = "answer-link+jwt"
const audience = "answer-link"
const Claims = z.object({ user_id: z.int().min(0), role: Role.default("user") })

function keyOf(secret: Uint8Array): Uint8Array {
  return createHmac("sha256", secret).update("bisheng-chat: answer links").digest()
}

export interface AnswerLink {
  readonly input_id: string
  /** In whose name it answers. */
  readonly user_id: number
  /** In which role: that of its maker, since the bot that asks may be for some roles only. */
  readonly role: Role
  /** Milliseconds since the epoch, whole seconds. */
  readonly expires_at: number
}

export function issueLink(secret: Uint8Array, { input_id, user_id, role, expires_at }: AnswerLink, clock: Clock) {
  return new SignJWT({ user_id, role })
    .setProtectedHeader({ alg: "HS256", typ })
    .setAudience(audience)
    .setSubject(input_id)
    .setIssuedAt(Math.floor(clock.now() / 1000))
    .setExpirationTime(expires_at / 1000)
    .sign(keyOf(secret))
}

/** Who made the link of this question. Throws `token_expired`, and `forbidden` for all else that is wrong with it. */
export async function verifyLink(
  secret: Uint8Array,
  token: string,
  input_id: string,
  clock: Clock,
): Promise<Omit<AnswerLink, "input_id">> {
  try {
    const { payload } = await jwtVerify(token, keyOf(secret), {
      ...{ algorithms: ["HS256"], typ, audience, subject: input_id, requiredClaims: ["exp"] },
      currentDate: new Date(clock.now()),
    })
    return { ...Claims.parse(payload), expires_at: (payload.exp ?? 0) * 1000 }
  } catch (cause) {
    throw new ChatError(cause instanceof errors.JWTExpired ? "token_expired" : "forbidden", { cause })
  }
}
