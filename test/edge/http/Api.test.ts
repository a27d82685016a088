import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { FetchHttpClient, HttpClient, HttpClientRequest } from "effect/http"
import { HttpApiClient, OpenApi } from "effect/http-api"
import * as Http from "../../../layers/Http/HttpServer.ts"
import { apiOf } from "../../../src/edge/http/Contract.ts"
import { serve } from "../../../src/edge/http/Http.ts"
import { parts, startServices } from "./Harness.ts"

describe("the contract", () => {
  it.live("R1 the typed client decodes what every route answers", () =>
    Effect.gen(function* () {
      const { services, mint, tokens } = startServices()
      const context = yield* Layer.build(
        Layer.merge(serve(parts), mint).pipe(
          Layer.provide(services),
          Layer.provideMerge(Http.layer({ host: "127.0.0.1", port: 0 }))
        )
      )
      const port = yield* Effect.provideContext(Http.boundPort, context)
      const client = yield* HttpApiClient.make(apiOf(parts), {
        baseUrl: `http://127.0.0.1:${port}`,
        transformClient: HttpClient.mapRequest(HttpClientRequest.bearerToken(tokens.get("admin")!))
      })
      const query = { environment: "production" }
      const params = { key: "a/b" }

      const put = yield* client.config.publish({ params, query, headers: {}, payload: { value: { a: 1 } } })
      const get = yield* client.config.get({ params, query: { ...query, consistency: "strong" }, headers: {} })
      const list = yield* client.config.list({ query })
      const history = yield* client.config.history({ params, query })
      const version = yield* client.config.version({ params: { ...params, version: 1 }, query })
      const diff = yield* client.config.diff({ params, query: { ...query, from: 1, to: 1 } })
      const dry = yield* client.config.validate({ params, query, headers: {}, payload: { value: 2 } })
      const page = { key: "page" }
      yield* client.config.publish({ params: page, query, headers: {}, payload: { value: "{{client.region}}" } })
      const why = yield* client.config.explain({ params: page, query: { ...query, "label.region": "eu" } })
      const back = yield* client.config.rollback({ params, query, headers: {}, payload: { version: 1 } })
      const gone = yield* client.config.delete({ params, query, headers: {} })
      const release = yield* client.releases.release({
        query: {},
        headers: {},
        payload: { message: "m", changes: [{ key: "x", environment: "production", value: 1 }] }
      })
      const clients = yield* client.clients.list({ query: {} })
      const { nodes } = yield* client.clients.nodes()
      const summary = yield* client.clients.summary({ query: { key: "x", revision: 1, epoch: "e" } })
      const { environments } = yield* client.config.environments()
      const audit = yield* client.audit.list({ query: { limit: 5 } })
      const verdict = yield* client.audit.verify({ query: {} })
      const made = yield* client.keys.create({ payload: { name: "k", role: "viewer", environments: ["*"] } })
      const keys = yield* client.keys.list()
      yield* client.keys.revoke({ params: { id: made.key.id } })
      const row = yield* client.errors.explain({ params: { code: "HRLD-1001" } })
      const problem = yield* Effect.flip(client.config.get({ params, query, headers: {} }))

      assert.strictEqual(put.body.version, 1)
      assert.strictEqual(put.headers["herald-version"], 1)
      assert.deepStrictEqual(get.body.value, { a: 1 })
      assert.strictEqual(get.headers["herald-stale"], false)
      assert.strictEqual(list.keys[0]?.key, "a/b")
      assert.strictEqual(history.versions.length, 1)
      assert.strictEqual(version.version, 1)
      assert.strictEqual(diff.difference.kind, "none")
      assert.strictEqual(dry.changes[0]?.clients, 0)
      assert.strictEqual(why.used[0]?.value, "eu")
      assert.strictEqual(back.version, 2)
      assert.isTrue(gone.deleted)
      assert.strictEqual(release.changes.length, 1)
      assert.deepStrictEqual([clients.clients.length, audit.entries.length, verdict.ok], [0, 5, true])
      assert.isArray(nodes)
      assert.deepStrictEqual(summary, { services: [], next: null })
      assert.deepStrictEqual(environments, [{ environment: "production", keys: 2 }])
      assert.isAbove(keys.keys.length, 1)
      assert.strictEqual(row.name, "InvalidInput")
      assert.strictEqual((problem as { readonly code?: string }).code, "HRLD-2001")
    }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer))
  )

  it("R1 R2 OpenAPI names the token, the problems and a summary for every operation", () => {
    const spec = OpenApi.fromApi(apiOf(parts))
    for (const [path, item] of Object.entries(spec.paths)) {
      for (const [method, operation] of Object.entries(item)) {
        const { summary, responses, security } = operation as {
          summary?: string
          responses: Record<string, { content?: Record<string, unknown> }>
          security: ReadonlyArray<unknown>
        }
        assert.isString(summary, `${method} ${path}`)
        assert.property(responses["429"]?.content ?? {}, "application/problem+json", `${method} ${path}`)
        assert.strictEqual(
          security.length,
          path.startsWith("/v1/errors") || path === "/v1/access/login" ? 0 : 1,
          `${method} ${path}`
        )
      }
    }
  })

  it("OA6 OpenAPI says where the limits are told, and when to come back", () => {
    const spec = OpenApi.fromApi(apiOf(parts))
    for (const [path, item] of Object.entries(spec.paths)) {
      if (path.startsWith("/v1/errors") || path === "/v1/access/login") continue // nobody is known there
      for (const [method, operation] of Object.entries(item)) {
        const { responses } = operation as { responses: Record<string, { headers?: object }> }
        for (const [status, { headers = {} }] of Object.entries(responses)) {
          const rate = status === "401" ? [] : ["RateLimit-Policy", "RateLimit"]
          const retry = status === "429" || status === "503" ? ["Retry-After"] : []
          const told = Object.keys(headers).filter((name) => /^(RateLimit|Retry)/.test(name))
          assert.sameMembers(told, [...rate, ...retry], `${method} ${path} ${status}`)
        }
      }
    }
  })
})
