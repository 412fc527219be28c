// A token says who somebody is: a JWT (RFC 7519), HS256, claims `sub` (the user's number), `role`, `exp`.
import { errors, jwtVerify, SignJWT } from "jose"
import { z } from "zod"
import type { Clock } from "../clock.ts"
import { ChatError } from "../errors.ts"

export const Role = z.enum(["user", "admin"])
export type Role = z.infer<typeof Role>

/** Who asks. Everything that is read or written names it. */
export interface Principal {
  readonly user_id: number
  readonly role: Role
  /** Milliseconds since the epoch. */
  readonly expires_at: number
}

const Claims = z.object({
  sub: z.string().regex(/^\d{1,15}$/),
  role: Role.default("user"),
  exp: z.number(),
})

/** The last instant that a Date can hold. */
const endOfTime = 8.64e15

export interface TokenRequest {
  readonly user_id: number
  readonly role: Role
  /** Seconds. */
  readonly ttl_s: number
}

/** Signs a token for this service. */
export function issueToken(secret: Uint8Array, { user_id, role, ttl_s }: TokenRequest, clock: Clock): Promise<string> {
  const now = Math.floor(clock.now() / 1000)
  return new SignJWT({ role })
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .setSubject(String(user_id))
    .setIssuedAt(now)
    .setExpirationTime(now + ttl_s)
    .sign(secret)
}

/** Checks a token. Throws `token_expired` or `unauthorized` with what is wrong with it. */
export async function verifyToken(secret: Uint8Array, token: string | null, clock: Clock): Promise<Principal> {
  if (!token) throw unauthorized("token_missing")
  try {
    const { payload } = await jwtVerify(token, secret, {
      algorithms: ["HS256"],
      requiredClaims: ["sub", "exp"],
      currentDate: new Date(clock.now()),
    })
    const claims = Claims.safeParse(payload)
    if (!claims.success) throw unauthorized("token_subject")
    const expires_at = Math.min(claims.data.exp * 1000, endOfTime)
    return { user_id: Number(claims.data.sub), role: claims.data.role, expires_at }
  } catch (cause) {
    if (cause instanceof ChatError) throw cause
    if (cause instanceof errors.JWTExpired) throw new ChatError("token_expired", { cause })
    throw unauthorized(faultOf(cause), cause)
  }
}

type TokenFault =
  | "token_algorithm"
  | "token_claim"
  | "token_malformed"
  | "token_missing"
  | "token_signature"
  | "token_subject"

function faultOf(cause: unknown): TokenFault {
  if (cause instanceof errors.JWTClaimValidationFailed) return "token_claim"
  if (cause instanceof errors.JOSEAlgNotAllowed) return "token_algorithm"
  if (cause instanceof errors.JWSSignatureVerificationFailed) return "token_signature"
  return "token_malformed"
}

function unauthorized(problem: TokenFault, cause?: unknown): ChatError {
  const claim = cause instanceof errors.JWTClaimValidationFailed ? { claim: cause.claim } : {}
  return new ChatError("unauthorized", { params: { problem, ...claim }, cause })
}
