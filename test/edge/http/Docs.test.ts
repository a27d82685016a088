/** The browsable page, and the document that it shows. */
import { brotliCompressSync } from "node:zlib"
import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { HttpRouter, HttpServerRequest } from "effect/http"
import { Docs } from "../../../src/edge/http/Docs.ts"
import { startRoutes } from "./Harness.ts"

describe("Docs", () => {
  it.effect("PD1 every reader of the page gets the same bytes, not a copy of them, and few", () =>
    Effect.gen(function* () {
      const app = yield* HttpRouter.toHttpEffect(Docs)
      const ask = (path: string, accept: string) => {
        const asked = new Request(`http://localhost${path}`, { headers: { "accept-encoding": accept } })
        const request = HttpServerRequest.fromWeb(asked)
        return app.pipe(Effect.provideService(HttpServerRequest.HttpServerRequest, request))
      }
      const bytesOf = ({ body }: Effect.Success<ReturnType<typeof ask>>) =>
        body._tag === "Uint8Array" ? body.body : new Uint8Array()
      const html = new TextDecoder().decode(bytesOf(yield* ask("/docs", "gzip")))
      const script = /src="([^"]+)"/.exec(html)?.[1] ?? ""
      const [one, two] = [yield* ask(script, "gzip, br"), yield* ask(script, "gzip;q=1")]
      const plain = yield* ask(script, "gzip;q=0, identity")

      assert.strictEqual(bytesOf(one), bytesOf(two))
      assert.strictEqual(one.headers["content-encoding"], "gzip")
      assert.isBelow(html.length + bytesOf(one).byteLength, 500_000)
      assert.isUndefined(plain.headers["content-encoding"])
      assert.include(new TextDecoder().decode(bytesOf(plain)), "rapi-doc")
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
  )
})

describe("the page and its document", () => {
  it("PD2 the page names nothing of others, and its policy lets it ask nobody else", async () => {
    const door = await startRoutes()
    const page = await door.call("GET", "/docs", { as: "nobody" })
    const icon = await door.call("GET", "/favicon.ico", { as: "nobody" })
    await door.dispose()

    assert.notMatch(page.text, /(?:src|href)="(?!\/[^/])/)
    assert.notInclude(page.headers.get("content-security-policy"), "unsafe-eval")
    assert.include(page.headers.get("content-security-policy"), "connect-src 'self'")
    assert.deepStrictEqual([icon.status, icon.headers.get("content-type")], [200, "image/svg+xml"])
  })

  it("PD3 the page is light or dark as its reader's system is, and follows it", async () => {
    const door = await startRoutes()
    const page = await door.call("GET", "/docs", { as: "nobody" })
    // No module and not deferred: it runs before what draws the page.
    const path = /<script src="([^"]+)">/.exec(page.text)?.[1] ?? ""
    const script = await door.call("GET", path, { as: "nobody" })
    await door.dispose()
    const seen: Record<string, string> = {}
    let changed = () => {}
    const dark = {
      matches: true,
      addEventListener: (_: string, listener: () => void) => {
        changed = listener
      }
    }
    const element = { setAttribute: (name: string, value: string) => (seen[name] = value) }
    new Function("matchMedia", "document", script.text)(() => dark, { querySelector: () => element })
    assert.include(page.text, '<meta name="color-scheme" content="light dark">')
    assert.strictEqual(seen["theme"], "dark")
    dark.matches = false
    changed()
    assert.strictEqual(seen["theme"], "light")
  })

  it("OA5 each time that an answer has in milliseconds stands beside it as people read it", async () => {
    const door = await startRoutes()
    const { body } = await door.call("GET", "/openapi.json", { as: "nobody" })
    await door.dispose()
    const alone: Array<string> = []
    let times = 0
    const typesOf = ({ type, anyOf = [] }: Any): ReadonlyArray<string> =>
      [type, ...anyOf.map((one: Any) => one.type)].flat()
    // Counts and numbers of versions are integers: another number is a time, unless it is a length of time or known to measure
    // something else, and so is whatever is called like one.
    const measures =
      "alpha traffic share cap expected p total estimate low high value from until in out throughputPerSecond errorRate".split(
        " "
      )
    const look = (at: string, schema: Any): void => {
      if (typeof schema !== "object" || schema === null) return
      const properties = Object.entries<Any>(schema.properties ?? {})
      for (const [name, its] of properties) {
        const types = typesOf(its)
        const isTime =
          (types.includes("number") &&
            !types.includes("string") &&
            !name.endsWith("Millis") &&
            !measures.includes(name)) ||
          (types.includes("integer") && /(^at|At|[sS]ince|[sS]een|Until)$/.test(name))
        if (!isTime) continue
        times++
        const beside = name === "at" ? "time" : `${name.replace(/At$/, "")}Time`
        if (
          schema.properties[beside]?.format === undefined &&
          !JSON.stringify(schema.properties[beside] ?? "").includes("date-time")
        )
          alone.push(`${at}.${name}`)
      }
      for (const [name, inner] of Object.entries(schema)) look(`${at}.${name}`, inner)
    }
    for (const [name, schema] of Object.entries<Any>(body.components.schemas))
      if (!name.endsWith("Body")) look(name, schema)
    for (const [path, operations] of Object.entries<Any>(body.paths))
      for (const operation of Object.values<Any>(operations)) look(path, operation.responses)

    assert.isAbove(times, 10)
    assert.deepStrictEqual(alone, [])
  })

  it("OA1 OA2 OA4 numbers are numbers, and every bound, rule and answer stands in the document", async () => {
    const door = await startRoutes()
    const { body } = await door.call("GET", "/openapi.json", { as: "nobody" })
    await door.dispose()
    const parameter = (path: string, method: string, name: string) =>
      body.paths[path][method].parameters.find((one: { readonly name: string }) => one.name === name).schema
    const plain = []
    for (const [path, operations] of Object.entries<Record<string, { parameters?: ReadonlyArray<Any> }>>(body.paths))
      for (const [method, { parameters = [] }] of Object.entries(operations))
        for (const { name, schema } of parameters)
          if (schema.type === "string" && !("maxLength" in schema || "enum" in schema || "pattern" in schema))
            plain.push(`${method} ${path} ${name}`)

    assert.deepStrictEqual(parameter("/v1/config", "get", "limit"), { type: "integer", minimum: 1, maximum: 1000 })
    assert.strictEqual(parameter("/v1/releases", "post", "dryRun").type, "boolean")
    const { maxLength, pattern } = parameter("/v1/config/{key}", "put", "key")
    assert.strictEqual(maxLength, 256)
    assert.isTrue(new RegExp(pattern).test("a/b:c.d"))
    assert.deepStrictEqual(plain, [])
    assert.notInclude(body.components.schemas.PublishBody.properties.value.type, "null")
    assert.strictEqual(body.components.schemas.ReleaseBody.properties.changes.maxItems, 500)
    assert.deepStrictEqual(Object.keys(body.paths["/v1/config/{key}"].get.responses).includes("304"), true)
    assert.isBelow(brotliCompressSync(JSON.stringify(body)).byteLength, 24_000)
  })

  it("VJ1 every answer that shows a configuration can be asked for with its value as text", async () => {
    const door = await startRoutes()
    const { body } = await door.call("GET", "/openapi.json", { as: "nobody" })
    await door.dispose()
    const shows = (part: unknown): boolean => {
      const text = JSON.stringify(part)
      return (
        /schemas\/(?:Configuration|Reading)"/.test(text) ||
        [...text.matchAll(/schemas\/(\w+)"/g)].some(([, name]) => shows(body.components.schemas[name!]))
      )
    }
    const found: Array<string> = []
    for (const [path, { get }] of Object.entries<Record<string, Any>>(body.paths))
      if (get !== undefined && shows(get.responses["200"])) {
        found.push(path)
        const as = get.parameters.find(({ name }: Any) => name === "as")
        assert.deepStrictEqual(as?.schema.enum, ["text", "json"], path)
      }
    const key = "/v1/config/{key}"

    assert.sameMembers(found, [key, `${key}/history`, `${key}/versions/{version}`, `${key}/explain`])
    assert.include(body.components.schemas.Configuration.properties.value.type, "object")
    assert.strictEqual(body.paths["/v1/events"].get.parameters.at(-1).name, "as")
  })
})

describe("examples", () => {
  it("OA3 what the document gives as an example works as it stands, in its order", async () => {
    const door = await startRoutes()
    const { body: document } = await door.call("GET", "/openapi.json", { as: "nobody" })
    const topic = document.components.schemas.TopicBody.examples[0].name
    const outcomes = []
    for (const [path, operations] of Object.entries<Record<string, Any>>(document.paths))
      for (const method of ["put", "post"]) {
        const operation = operations[method]
        const [type, media] = Object.entries<Any>(operation?.requestBody?.content ?? {})[0] ?? []
        const example = media?.example
        if (operation === undefined || path.includes("{id}") || path.includes("{rollout}")) continue
        if (operation.requestBody !== undefined) assert.isDefined(example, `${method} ${path}`)
        const query = (operation.parameters ?? [])
          .filter((one: Any) => one.in === "query" && (one.required === true || one.name === "environment"))
          .map(({ name, schema }: Any) => `${name}=${encodeURIComponent(schema.examples?.[0] ?? "production")}`)
        const target = path
          .replace("{key}", "user-service")
          .replace("{flag}", "new-checkout")
          .replace("{segment}", "beta")
          .replace("{experiment}", "one-page")
          .replace("{topic}", encodeURIComponent(topic))
          .replace("{subscription}", "billing")
          .replace("{route}", "big-checkouts")
        const answer = await door.call(
          method.toUpperCase(),
          query.length === 0 ? target : `${target}?${query.join("&")}`,
          {
            body: example,
            ...(type === "text/plain" ? { headers: { "content-type": type } } : {})
          }
        )
        outcomes.push([`${method} ${path}`, answer.status < 300])
      }
    await door.dispose()

    assert.isAbove(outcomes.length, 4)
    assert.deepStrictEqual(
      outcomes.filter(([, works]) => works !== true),
      []
    )
  })
})

// biome-ignore lint/suspicious/noExplicitAny: parts of a document
type Any = any
