/**
 * Serves `/docs`, the browsable page. All that it needs comes from this server, so it works without internet.
 *
 *   PD1  There is one copy of what it sends, however many read it, and however slowly; less than 500 KB travel.
 *   PD2  The page runs scripts of this server alone, and asks nobody but it. It signs in with a bearer token, which stays in its tab.
 *   PD3  It is light or dark as the reader's system is, and follows when that changes.
 */
import { Effect, FileSystem } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { json } from "./Answer.ts"

/** PD2: RapiDoc writes styles, and nothing else, into the page. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const SCRIPT = "/docs/rapidoc-9.3.8.js"
const script = new URL("../../../schema/page/rapidoc-9.3.8.js.gz", import.meta.url)
/** The script's name has its version, so it may be kept for ever. */
const kept = { "cache-control": "public, max-age=31536000, immutable" }

const LOOKS = "/docs/looks.js"
/** PD3. By a script of its own, as the policy allows none in the page; it runs before the module that draws the element. */
const looks = `const dark = matchMedia("(prefers-color-scheme: dark)")
const follow = () => {
  const page = document.querySelector("rapi-doc")
  page.setAttribute("theme", dark.matches ? "dark" : "light")
  page.setAttribute("primary-color", dark.matches ? "#7fb0f0" : "#1f4e8c")
}
follow()
dark.addEventListener("change", follow)
`

const icon =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#1f4e8c"/><path d="M8 7h4v7h8V7h4v18h-4v-7h-8v7H8z" fill="#fff"/></svg>'

const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Herald API</title>
<link rel="icon" href="/favicon.svg" type="image/svg+xml">
<meta name="color-scheme" content="light dark">
<script type="module" src="${SCRIPT}"></script>
<style>:root { color-scheme: light dark } body { margin: 0 } h1 { margin: 0; font: 600 18px system-ui, sans-serif }</style>
</head>
<body>
<rapi-doc spec-url="/openapi.json" theme="light" render-style="read" load-fonts="false" regular-font="system-ui, sans-serif"
  mono-font="ui-monospace, monospace" primary-color="#1f4e8c" show-header="false" allow-server-selection="false"
  allow-authentication="true" persist-auth="false" fill-request-fields-with-example="true" schema-style="table"
  show-method-in-nav-bar="as-colored-text" use-path-in-nav-bar="false" show-curl-before-try="true" sort-endpoints-by="none"
  update-route="true" route-prefix="#">
<h1 slot="nav-logo">Herald</h1>
</rapi-doc>
<script src="${LOOKS}"></script>
<noscript>This page needs scripts; the document that it shows is <a href="/openapi.json">openapi.json</a>.</noscript>
</body>
</html>
`

/** For whoever comes to the door itself: a browser is sent on, a program reads where to look. */
const start = json(
  { docs: "/docs", openapi: "/openapi.json", ready: "/readyz", metrics: "/metrics" },
  { status: 302, headers: { location: "/docs" } }
)

/** Paths of the page and of what it needs. */
export const docsPaths = ["/", "/docs", LOOKS, SCRIPT, "/favicon.svg", "/favicon.ico"] as const

const inflated = (bytes: Uint8Array<ArrayBuffer>): Effect.Effect<Uint8Array> =>
  Effect.promise(async () => {
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))
    return new Uint8Array(await new Response(stream).arrayBuffer())
  })

const takesGzip = (accept: string | undefined): boolean =>
  (accept ?? "").split(",").some((one) => /^\s*(?:gzip|\*)\s*(?:;|$)/i.test(one) && !/;\s*q=0(?:\.0*)?\s*$/i.test(one))

export const Docs = HttpRouter.use(
  Effect.fnUntraced(function* (router) {
    const files = yield* FileSystem.FileSystem
    const html = HttpServerResponse.text(page, {
      contentType: "text/html; charset=utf-8",
      headers: { "content-security-policy": policy, "cache-control": "no-cache" }
    })
    const favicon = HttpServerResponse.text(icon, { contentType: "image/svg+xml", headers: kept })
    const look = HttpServerResponse.text(looks, {
      contentType: "text/javascript; charset=utf-8",
      headers: { "cache-control": "no-cache" }
    })
    const scriptOf = (bytes: Uint8Array, encoded: Readonly<Record<string, string>>) =>
      HttpServerResponse.uint8Array(bytes, {
        contentType: "text/javascript; charset=utf-8",
        headers: { ...kept, vary: "accept-encoding", ...encoded }
      })
    const zipped = yield* Effect.cached(
      Effect.map(files.readFile(decodeURIComponent(script.pathname)), (bytes) => new Uint8Array(bytes)).pipe(
        Effect.orDie
      )
    )
    const packed = yield* Effect.cached(Effect.map(zipped, (bytes) => scriptOf(bytes, { "content-encoding": "gzip" })))
    const plain = yield* Effect.cached(Effect.map(Effect.flatMap(zipped, inflated), (bytes) => scriptOf(bytes, {})))
    yield* router.add("GET", "/", Effect.succeed(start))
    yield* router.add("GET", "/docs", Effect.succeed(html)) // PD1
    yield* router.add("GET", LOOKS, Effect.succeed(look)) // PD3
    yield* router.add("GET", "/favicon.svg", Effect.succeed(favicon))
    yield* router.add("GET", "/favicon.ico", Effect.succeed(favicon))
    yield* router.add("GET", SCRIPT, (request) => (takesGzip(request.headers["accept-encoding"]) ? packed : plain))
  })
)
