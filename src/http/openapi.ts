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
      description: `Chats over REST. What is live goes over the WebSocket, /chat/{flow_id}; rule numbers (P3.3) are those of PROTOCOL.md.

Every JSON answer is \`{ status_code, status_message, data }\`; of a refusal, \`data\` is \`{ code, trace_id, retry, ... }\`. What belongs to somebody else is not there: \`not_found\`. A query parameter that a route does not know is refused, an unknown key in a body is passed over. Lists come in pages: go on with \`cursor\` = \`next_cursor\` until that is null. Times are ISO 8601 in UTC.`,
    },
    servers: [{ url: "/" }],
    tags: areas.map(({ name, description }) => ({ name, description })),
    security: [{ bearer: [] }],
    components: { securitySchemes: { bearer: { type: "http", scheme: "bearer", bearerFormat: "JWT" } } },
    paths: pathsOf(Object.entries(routes)),
  }
}

/** Parts of the document, in its order; a path belongs to the first whose pattern fits. */
const areas = [
  { name: "bots", description: "Who can be talked to", paths: /^\/chat\/flows/ },
  { name: "sessions", description: "Conversations, and what runs in them", paths: /^\/chat\/(session|interrupt)/ },
  { name: "messages", description: "What was said", paths: /^\/chat\/(message\/|search)/ },
  { name: "questions", description: "What bots ask people", paths: /^\/chat\/inputs/ },
  { name: "files", description: "What is uploaded, and what bots make", paths: /^\/chat\/file/ },
  { name: "statistics", description: "Counts, usage and cost", paths: /^\/chat\/(statistics|messages)/ },
  { name: "live", description: "The WebSocket", paths: /^\/chat\// },
  { name: "service", description: "Health, and this document", paths: /^/ },
] as const

function pathsOf(rows: readonly (readonly [string, Route])[]): ZodOpenApiPathsObject {
  const paths: ZodOpenApiPathsObject = {}
  for (const [operationId, route] of rows) {
    const { method, summary, description, param, query, body, form } = route
    const path = route.path.replace(/:(\w+)/g, "{$1}")
    paths[path] = {
      ...paths[path],
      [method]: {
        operationId,
        summary,
        ...(description ? { description } : {}),
        tags: areas
          .filter(({ paths: pattern }) => pattern.test(path))
          .flatMap(({ name }, place) => (place ? [] : [name])),
        ...(route.open ? { security: [] } : {}),
        requestParams: {
          header: route.content ? contentRequest : request,
          ...(param ? { path: param } : {}),
          ...(query ? { query } : {}),
        },
        ...(body ? { requestBody: { required: true, content: { "application/json": { schema: body } } } } : {}),
        ...(form ? { requestBody: { required: true, content: { "multipart/form-data": { schema: form } } } } : {}),
        ...(route.page && method === "post" ? { requestBody: { required: true, content: pageForm } } : {}),
        responses: responsesOf(route),
      },
    }
  }
  return paths
}

const request = z.object({ "X-Trace-Id": TraceId.optional().describe("Comes back in the answer.") })
const contentRequest = request.extend({
  Range: z.string().optional().describe("One range of bytes: `bytes=0-1023`."),
  "If-None-Match": z.string().optional().describe("The ETag of an earlier answer."),
})
const fieldsOfPage = { type: "object" as const, additionalProperties: true, description: "The fields of the page." }
const pageForm = {
  "application/x-www-form-urlencoded": { schema: fieldsOfPage },
  "multipart/form-data": { schema: fieldsOfPage },
}
const headers = z.object({ "X-Trace-Id": z.string() })
const retryHeaders = headers.extend({
  "Retry-After": z.string().optional().describe("Seconds until it makes sense to try again, where that is known."),
})
const page = { "text/html": { schema: { type: "string" as const } } }

function responsesOf(route: Route): ZodOpenApiResponsesObject {
  const status = route.status ?? 200
  const responses: ZodOpenApiResponsesObject = {
    [`${status}`]: {
      description: status === 101 ? "Switching to WebSocket" : "Success",
      headers,
      ...(route.data ? { content: { "application/json": { schema: answerOf(status, route.data) } } } : {}),
      ...(route.answers ? { content: Object.fromEntries(route.answers.map((type) => [type, { schema: {} }])) } : {}),
      ...(route.page ? { content: page } : {}),
    },
  }
  if (route.content) Object.assign(responses, contentResponses)
  const byStatus = Map.groupBy(errorsOf(route), (code) => errorTable[code].http)
  for (const [http, codes] of [...byStatus].sort(([a], [b]) => a - b)) {
    responses[`${http}`] = {
      description: codes.join(", "),
      headers: codes.some((code) => errorTable[code].retry) ? retryHeaders : headers,
      content: route.page ? page : { "application/json": { schema: answerOf(http, Failure) } },
    }
  }
  return responses
}

const bytes = { content: { "application/octet-stream": { schema: { type: "string" as const, format: "binary" } } } }
/** In the type that the file has. */
const contentHeaders = headers.extend({ ETag: z.string(), "Content-Disposition": z.string() })
const contentResponses: ZodOpenApiResponsesObject = {
  200: { description: "The content", headers: contentHeaders, ...bytes },
  206: {
    description: "The range of the content that was asked for",
    headers: contentHeaders.extend({ "Content-Range": z.string() }),
    ...bytes,
  },
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
