// /docs shows /openapi.json with swagger-ui-dist out of node_modules: nothing from elsewhere, and no file but those named here.
import { Hono } from "hono"
import { ChatError } from "../errors.ts"
import { routes } from "../protocol/rest.ts"
import type { Env } from "./answer.ts"
import { valid } from "./valid.ts"

const { docs, docsFile } = routes

const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ")

// Relative, so that it also works under a prefix of a proxy.
const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>bisheng-chat API</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="icon" href="docs/favicon-32x32.png">
<div id="page"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</html>
`
// validatorUrl: null, or the page asks a validator on the internet.
const start = `SwaggerUIBundle({ url: "openapi.json", dom_id: "#page", deepLinking: true, validatorUrl: null })\n`

const types = new Map([
  ["start.js", "text/javascript; charset=utf-8"],
  ["swagger-ui.css", "text/css; charset=utf-8"],
  ["swagger-ui-bundle.js", "text/javascript; charset=utf-8"],
  ["favicon-32x32.png", "image/png"],
])

export function docsRoutes() {
  return new Hono<Env>()
    .get(docs.path, (c) => {
      c.header("Content-Security-Policy", policy)
      return c.html(page)
    })
    .get(docsFile.path, valid("param", docsFile.param), async (c) => {
      const { file } = c.req.valid("param")
      const type = types.get(file)
      if (!type) throw new ChatError("not_found", { params: { what: "address" } })
      const content =
        file === "start.js"
          ? start
          : await Bun.file(Bun.resolveSync(`swagger-ui-dist/${file}`, import.meta.dir)).arrayBuffer()
      c.header("Content-Type", type)
      c.header("Cache-Control", "public, max-age=3600")
      return c.body(content)
    })
}
