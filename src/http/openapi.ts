// /openapi.json, made from the table of routes (protocol/rest.ts) that the validators use too.
import { Hono } from "hono"
import { z } from "zod"
import type { ZodOpenApiObject, ZodOpenApiPathsObject, ZodOpenApiResponsesObject } from "zod-openapi"
import { type ErrorCode, errorTable } from "../errors.ts"
import { TraceId } from "../protocol/ids.ts"
import { routes } from "../protocol/rest.ts"
import { answerOf, Failure, type Route } from "../protocol/route.ts"
import type { Env } from "./answer.ts"

export function openapiRoute({ version }: { readonly version: string }) {
  // Made at the first request, and once; what makes it is loaded then.
  let document: ReturnType<typeof makeDocument> | undefined
  return new Hono<Env>().get(routes.document.path, async (c) => {
    document ??= makeDocument(version)
    return c.json(await document)
  })
}

export async function makeDocument(version: string) {
  const { createDocument } = await import("zod-openapi")
  return createDocument(descriptionOf(version), {
    // A newer server may say more: clients made from this document have to pass over what they do not know.
    override({ jsonSchema, io }) {
      if (io === "output" && jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties
    },
  })
}

function descriptionOf(version: string): ZodOpenApiObject {
  return {
    openapi: "3.1.1",
    info: {
      title: "bisheng-chat",
      version,
      description: "Chats over REST. What is live goes over the WebSocket, /chat/{flow_id}: see PROTOCOL.md.",
    },
    servers: [{ url: "/" }],
    security: [{ bearer: [] }],
    components: { securitySchemes: { bearer: { type: "http", scheme: "bearer", bearerFormat: "JWT" } } },
    paths: pathsOf(Object.entries(routes)),
  }
}

function pathsOf(rows: readonly (readonly [string, Route])[]): ZodOpenApiPathsObject {
  const paths: ZodOpenApiPathsObject = {}
  for (const [operationId, route] of rows) {
    const { method, summary, param, query, body, form } = route
    const path = route.path.replace(/:(\w+)/g, "{$1}")
    paths[path] = {
      ...paths[path],
      [method]: {
        operationId,
        summary,
        ...(route.open ? { security: [] } : {}),
        requestParams: {
          header: z.object({ "X-Trace-Id": TraceId.optional().describe("Comes back in the answer.") }),
          ...(param ? { path: param } : {}),
          ...(query ? { query } : {}),
        },
        ...(body ? { requestBody: { required: true, content: { "application/json": { schema: body } } } } : {}),
        ...(form ? { requestBody: { required: true, content: { "multipart/form-data": { schema: form } } } } : {}),
        responses: responsesOf(route),
      },
    }
  }
  return paths
}

function responsesOf(route: Route): ZodOpenApiResponsesObject {
  const status = route.status ?? 200
  const headers = z.object({ "X-Trace-Id": z.string() })
  const responses: ZodOpenApiResponsesObject = {
    [`${status}`]: {
      description: status === 101 ? "Switching to WebSocket" : "Success",
      headers,
      ...(route.data ? { content: { "application/json": { schema: answerOf(status, route.data) } } } : {}),
    },
  }
  if (route.content) Object.assign(responses, contentResponses)
  const byStatus = Map.groupBy(errorsOf(route), (code) => errorTable[code].http)
  for (const [http, codes] of [...byStatus].sort(([a], [b]) => a - b)) {
    responses[`${http}`] = {
      description: codes.join(", "),
      headers,
      ...(route.page ? {} : { content: { "application/json": { schema: answerOf(http, Failure) } } }),
    }
  }
  return responses
}

const bytes = { content: { "application/octet-stream": { schema: { type: "string" as const, format: "binary" } } } }
/** In the type that the file has. */
const contentResponses: ZodOpenApiResponsesObject = {
  200: { description: "The content", ...bytes },
  206: { description: "The range of the content that was asked for", ...bytes },
  304: { description: "As the ETag that the caller has" },
}

/** What a route may refuse with: what its parts bring with them, and what its row names. */
function errorsOf(route: Route): ErrorCode[] {
  return [
    ...(route.param || route.query || route.body || route.form ? (["bad_request"] as const) : []),
    ...(route.body ? (["bad_json", "frame_too_large"] as const) : []),
    ...(route.open ? [] : (["unauthorized", "token_expired"] as const)),
    ...(route.open || route.method === "get" ? [] : (["rate_limited"] as const)),
    ...(route.query && "user_id" in route.query.shape ? (["forbidden"] as const) : []),
    ...(route.errors ?? []),
    ...((route.data || route.content) && route.path !== routes.health.path ? (["store_unavailable"] as const) : []),
    "internal",
  ]
}
