// Holds every answer of a test against /openapi.json: what the document does not describe is a fault.
import { z } from "zod"
import { makeDocument } from "../../src/http/openapi.ts"

const document: unknown = JSON.parse(
  JSON.stringify(await makeDocument("test")).replaceAll("#/components/schemas/", "#/$defs/"),
)

const Schema = z.record(z.string(), z.unknown())
const Document = z.object({
  paths: z.record(
    z.string(),
    z.record(
      z.string(),
      z.object({
        responses: z.record(
          z.string(),
          z.object({ content: z.object({ "application/json": z.object({ schema: Schema }).optional() }).optional() }),
        ),
      }),
    ),
  ),
  components: z.object({ schemas: z.record(z.string(), Schema) }),
})
const { paths, components } = Document.parse(closed(document))

/** Every object that names its properties has no others: the document is loose for clients, not for us. */
function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed)
  if (typeof value !== "object" || value === null) return value
  const inner = Object.fromEntries(Object.entries(value).map(([key, one]) => [key, closed(one)]))
  return inner.type === "object" && "properties" in inner ? { ...inner, additionalProperties: false } : inner
}

const cache = new Map<string, z.ZodType>()

/** `METHOD /path` of every operation in the document. */
export function operations(): string[] {
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
  )
}

/** Throws when the document does not describe this answer of this route. */
export function holdAgainstDocument(method: string, pathname: string, status: number, body: unknown): void {
  const known = Object.keys(paths)
  const path =
    known.find((path) => path === pathname) ??
    known.find((path) => new RegExp(`^${path.replace(/\{\w+\}/g, "[^/]+")}$`).test(decodeURI(pathname)))
  const operation = path === undefined ? undefined : paths[path]?.[method.toLowerCase()]
  // An unknown address or a wrong method: a refusal like any other.
  const responses = operation?.responses ?? paths["/chat/session/list"]?.get?.responses
  const response = operation ? responses?.[status] : responses?.["401"]
  if (!response) throw new Error(`${method} ${pathname} answered ${status}, which the document does not know`)
  const json = response.content?.["application/json"]?.schema
  if (!json) return
  const key = `${operation ? `${method} ${path}` : "refusal"} ${status}`
  const schema = cache.get(key) ?? z.fromJSONSchema({ ...json, $defs: components.schemas })
  cache.set(key, schema)
  const held = schema.safeParse(operation ? body : { ...Object(body), status_code: 401 })
  if (!held.success) throw new Error(`${key}: ${z.prettifyError(held.error)}\n${JSON.stringify(body, null, 2)}`)
}
