import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Metric } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { Access } from "../../src/access/Access.ts"
import { CurrentIdentity, system } from "../../src/access/Identity.ts"
import { Configurations } from "../../src/configuration/Configurations.ts"
import { Templates } from "../../src/configuration/Templates.ts"
import { bodyLimits } from "../../src/edge/http/BodyLimits.ts"
import { OF_ONE } from "../../src/edge/http/Budget.ts"
import { routerConfig, routesOf } from "../../src/edge/http/Http.ts"
import { http } from "../../src/node/Node.ts"
import { Degraded } from "../../src/telemetry/Degraded.ts"
import { Exemplars } from "../../src/telemetry/Exemplars.ts"
import * as PerNode from "../../src/telemetry/PerNode.ts"
import { Said } from "../../src/telemetry/Said.ts"
import { asSystem, node, stores } from "../../src/testing.ts"

/** A whole server in this process but for its sockets, on a database of its own. */
const start = Effect.gen(function* () {
  const context = yield* Layer.build(Layer.fresh(node().pipe(Layer.provideMerge(stores))))
  const { handler } = yield* Effect.acquireRelease(
    Effect.sync(() =>
      HttpRouter.toWebHandler(
        routesOf(http).pipe(
          Layer.provideMerge(Layer.succeedContext(context)),
          Layer.provideMerge(HttpServer.layerServices)
        ),
        { disableLogger: true, routerConfig }
      )
    ),
    ({ dispose }) => Effect.promise(dispose)
  )
  const { token } = yield* Effect.flatMap(Access, ({ createKey }) =>
    createKey({ name: "test", role: "admin", environments: ["*"], expiresAt: null })
  ).pipe(Effect.provideService(CurrentIdentity, system), Effect.provideContext(context))
  const call = (path: string, options: RequestInit = {}) =>
    Effect.promise(() =>
      handler(
        new Request(`http://localhost${path}`, {
          ...options,
          headers: { authorization: `Bearer ${token}`, ...options.headers }
        })
      )
    )
  return { context, call, text: (path: string) => Effect.flatMap(call(path), (it) => Effect.promise(() => it.text())) }
})

const publish = Effect.flatMap(Configurations, ({ publish }) =>
  asSystem(publish([{ key: "a.b", environment: "production", value: "1", type: "number" }], { message: "a test" }))
)

describe("two Heralds in one process", () => {
  it.live("ND1 count, note and say for themselves, and each reads as many bodies as if it were alone", () =>
    Effect.gen(function* () {
      const [a, b] = [yield* start, yield* start]
      yield* Effect.provideContext(publish, a.context)
      Context.get(a.context, Degraded).add("redis")
      Context.get(a.context, Exemplars).keep("h", 0, { traceId: "1", spanId: "2", value: 3, at: 4 })
      const counter = Metric.counter("only_of_a", { incremental: true })
      yield* Effect.provideContext(Metric.update(counter, 1), a.context)

      assert.include(yield* a.text("/readyz"), "redis")
      assert.notInclude(yield* b.text("/readyz"), "redis")
      assert.include(yield* a.text("/metrics"), "only_of_a")
      assert.notInclude(yield* b.text("/metrics"), "only_of_a")
      assert.deepStrictEqual(Context.get(b.context, Exemplars).of("h"), [])
      assert.isTrue(Context.get(a.context, Said).isNews("x"))
      assert.isFalse(Context.get(a.context, Said).isNews("x"))
      assert.isTrue(Context.get(b.context, Said).isNews("x"))
      const [read, readThere] = [Context.get(a.context, Templates), Context.get(b.context, Templates)]
      assert.strictEqual(read("{{x}}", "string"), read("{{x}}", "string"))
      assert.notStrictEqual(read("{{x}}", "string"), readThere("{{x}}", "string"))

      // Bodies that say how long they are and don't come: `a` has no room left, and `b` has all of its own.
      const left = new AbortController()
      const release = (body: string | ReadableStream): RequestInit => ({
        method: "POST",
        body,
        duplex: "half",
        signal: left.signal,
        headers: { "content-type": "application/json", "content-length": String(bodyLimits.release) }
      })
      const slow = Effect.forkChild(a.call("/v1/releases", release(new ReadableStream())), { startImmediately: true })
      yield* Effect.replicateEffect(slow, Math.floor(OF_ONE / bodyLimits.release))
      const refused = yield* a
        .call("/v1/releases", release("{}"))
        .pipe(Effect.repeat({ until: ({ status }) => status === 429, times: 1_000 }))
      const taken = yield* b.call("/v1/releases", release("{}"))
      left.abort()

      assert.deepStrictEqual([refused.status, taken.status], [429, 400])
    }).pipe(Effect.scoped)
  )

  it.effect("ND1 nothing is kept of a process that nobody asked to keep it", () =>
    Effect.gen(function* () {
      const [degraded, exemplars, { isNews }] = [yield* Degraded, yield* Exemplars, yield* Said]
      degraded.add("redis")
      exemplars.keep("h", 0, { traceId: "1", spanId: "2", value: 3, at: 4 })

      assert.deepStrictEqual([...(yield* Degraded)], [])
      assert.deepStrictEqual((yield* Exemplars).of("h"), [])
      assert.deepStrictEqual([isNews("x"), isNews("x")], [true, true])
    })
  )

  it.effect("ND1 a node that is built inside of another is another", () =>
    Effect.gen(function* () {
      const outer = yield* Metric.MetricRegistry
      const inner = yield* Effect.provide(Metric.MetricRegistry, PerNode.layer)

      assert.notStrictEqual(inner, outer)
    }).pipe(Effect.provide(PerNode.layer))
  )
})
