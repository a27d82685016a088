/**
 * Whoever has no session is in no cohort: every door that asks for what is current says what is current, until the rollout is completed. On a node
 * as it runs, in memory.
 */
import { assert, describe, it } from "@effect/vitest"
import { type Context, Effect, Layer } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { digestOf } from "../../layers/Crypto/values/Sha256.ts"
import { Access } from "../../src/access/Access.ts"
import { CurrentIdentity, system } from "../../src/access/Identity.ts"
import { routerConfig, routesOf } from "../../src/edge/http/Http.ts"
import type { FlagWish } from "../../src/flags/FeatureFlag.ts"
import { FlagView } from "../../src/flags/FlagView.ts"
import { http } from "../../src/node/Node.ts"
import { Placement } from "../../src/placement/Placement.ts"
import { Kinds } from "../../src/propagation/Kinds.ts"
import { RevisionLog } from "../../src/propagation/RevisionLog.ts"
import { node, stores } from "../../src/testing.ts"
import { ALL, begin, commit, IN, move } from "../support/Cohorts.ts"
import { change } from "../support/Release.ts"

/** What nobody may read before it is current. */
const NEW = "the-candidate"
const flag = (variant: string) =>
  JSON.stringify({ state: "ENABLED", variants: { on: variant, off: "off" }, defaultVariant: "on" })
const wish = (text: string): FlagWish => ({
  kind: "flag",
  environment: "production",
  key: "app.flag",
  definition: text,
  digest: digestOf(text),
  bytes: text.length,
  expectedVersion: undefined,
  variants: ["on", "off"],
  prerequisites: [],
  enabled: true,
  percentage: null,
  targetUsers: null
})

/** It is nobody's turn to move rollouts but the test's. */
const nobody = Layer.succeed(Placement, { single: () => Effect.void, turns: Effect.succeed([]) })
const all = node({}).pipe(Layer.provideMerge(Layer.merge(stores, nobody)))
type All = Layer.Success<typeof all>

const open = async () => {
  let [context, token] = [undefined as Context.Context<All> | undefined, ""]
  const grab = Layer.effectDiscard(
    Effect.gen(function* () {
      context = yield* Effect.context<All>()
      const key = { name: "test", role: "admin", environments: ["*"], expiresAt: null } as const
      token = (yield* (yield* Access).createKey(key)).token
    }).pipe(Effect.provideService(CurrentIdentity, system))
  )
  const { handler, dispose } = HttpRouter.toWebHandler(
    Layer.mergeAll(routesOf(http as never), grab).pipe(
      Layer.provide(all),
      Layer.provideMerge(HttpServer.layerServices)
    ) as never,
    { disableLogger: true, routerConfig }
  )
  const call = (method: string, path: string, body?: unknown, init: RequestInit = {}) =>
    handler(
      new Request(`http://localhost${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...init
      })
    )
  await handler(new Request("http://localhost/livez"))
  const run = <A, E>(effect: Effect.Effect<A, E, All>): Promise<A> =>
    Effect.runPromise(
      Effect.provideService(effect, CurrentIdentity, system).pipe(Effect.provide(context!)) as Effect.Effect<A, E>
    )
  return { call, run, dispose }
}

const doors = [
  ["GET", "/v1/config/app?environment=production"],
  ["GET", "/v1/config/app?environment=production&consistency=strong"],
  ["GET", "/v1/config/app/explain?environment=production"],
  ["GET", "/v1/config?environment=production"],
  ["GET", "/v1/flags?environment=production"],
  ["GET", "/v1/flags/app.flag?environment=production"],
  ["GET", "/v1/flagd?environment=production"],
  ["POST", "/v1/flags/app.flag/evaluate?environment=production", { context: { targetingKey: IN } }],
  ["POST", "/ofrep/v1/evaluate/flags/app.flag", { context: { targetingKey: IN, environment: "production" } }],
  ["POST", "/ofrep/v1/evaluate/flags", { context: { targetingKey: IN, environment: "production" } }],
  ["GET", "/v1/clients?environment=production"],
  ["GET", "/v1/clients/summary?environment=production"]
] as const

describe("doors without sessions", () => {
  it("RQ2 whatever asks for what is current is told nothing of a candidate before it is current", async () => {
    const { call, run, dispose } = await open()
    await run(commit(change("app", "old"), wish(flag("old"))))
    const feed = await call("GET", "/v1/events?environment=production")
    const key = await run(begin({ app: NEW, "app.flag": wish(flag(NEW)) }, ALL))
    await run(move(key, "baking"))
    const asked = () =>
      Promise.all(
        doors.map(async ([method, path, body]) => {
          const answer = await call(method, path, body)
          return [path, answer.status, await answer.text()] as const
        })
      )
    for (const [path, status, text] of await asked()) {
      assert.strictEqual(status, 200, `${path}: ${text}`)
      assert.notInclude(text, NEW, path)
    }
    const document = await run(Effect.flatMap(FlagView, (view) => view.document("production")))
    assert.notInclude(String(JSON.stringify(document)), NEW)
    // Events, webhooks, Redis, Kafka and the lanes between nodes are made of this.
    const { changes } = await run(
      Effect.gen(function* () {
        const [log, { told, toLane }] = [yield* RevisionLog, yield* Kinds]
        const revisions = (yield* log.after(0n, 100)) ?? []
        return { changes: revisions.flatMap((one) => one.changes.map((change) => [told(change), toLane(change)])) }
      })
    )
    assert.isAbove(changes.length, 4)
    assert.notInclude(JSON.stringify(changes), NEW)

    await run(move(key, "completed"))
    for (const [path, , text] of await asked())
      if (!path.includes("clients") && !path.startsWith("/v1/config?")) assert.include(text, NEW, path)
    const reader = feed.body!.getReader()
    let heard = ""
    while (!heard.includes(NEW)) heard += new TextDecoder().decode((await reader.read()).value)
    assert.include(heard.slice(0, heard.indexOf(NEW)), '"state":"completed"')
    await reader.cancel()
    await dispose()
  })

  it("RQ2 explain says what one client has, and since which stage of which rollout", async () => {
    const { call, run, dispose } = await open()
    await run(commit(change("app", "old")))
    const key = await run(begin({ app: NEW }, 0))
    await run(move(key, "deploying", ALL))
    const ask = async (query: string) =>
      (await (await call("GET", `/v1/config/app/explain?environment=production${query}`)).json()) as Record<
        string,
        unknown
      >
    const one = await ask(`&label.instance=${IN}`)
    assert.deepInclude(one, { candidate: { rollout: key, stage: 2 }, effective: NEW })
    assert.deepInclude(one["stored"] as object, { version: 2, value: NEW })
    const nobody = await ask("")
    assert.deepInclude(nobody, { effective: "old" })
    assert.notProperty(nobody, "candidate")
    await run(move(key, "aborted"))
    assert.deepInclude(await ask(`&label.instance=${IN}`), { effective: "old" })
    await dispose()
  })
})
