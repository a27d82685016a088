/** The routes over the real services on memory twins, called as a browser would: `Request` in, `Response` out. */
import { Clock, Effect, Layer, Option } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import * as KeyHash from "../../../layers/Crypto/access/KeyHash.ts"
import * as Memory from "../../../layers/Memory/Memory.ts"
import { Access } from "../../../src/access/Access.ts"
import { CurrentIdentity, type Role, system } from "../../../src/access/Identity.ts"
import type { JwtOptions } from "../../../src/access/Jwts.ts"
import { SocketTickets } from "../../../src/access/SocketTickets.ts"
import { Approvals } from "../../../src/approvals/Approvals.ts"
import * as Judging from "../../../src/approvals/Judging.ts"
import { AuditCheckpoints } from "../../../src/audit/AuditCheckpoints.ts"
import type { CommitOptions } from "../../../src/commits/Request.ts"
import { Configurations } from "../../../src/configuration/Configurations.ts"
import type { Draft } from "../../../src/configuration/Draft.ts"
import { access } from "../../../src/edge/http/access/Routes.ts"
import { approvals } from "../../../src/edge/http/approvals/Routes.ts"
import type { Part } from "../../../src/edge/http/Contract.ts"
import { configuration } from "../../../src/edge/http/configuration/Routes.ts"
import { errors } from "../../../src/edge/http/errors/Routes.ts"
import { experiments } from "../../../src/edge/http/experiments/Routes.ts"
import { feeds } from "../../../src/edge/http/feeds/Routes.ts"
import { flagSettings } from "../../../src/edge/http/flagSettings/Routes.ts"
import { flags } from "../../../src/edge/http/flags/Routes.ts"
import { fleet } from "../../../src/edge/http/fleet/Routes.ts"
import { routerConfig, routesOf } from "../../../src/edge/http/Http.ts"
import { limits as limitsPart } from "../../../src/edge/http/limits/Routes.ts"
import { marketData } from "../../../src/edge/http/marketdata/Routes.ts"
import { ofrep } from "../../../src/edge/http/ofrep/Routes.ts"
import { refs } from "../../../src/edge/http/refs/Routes.ts"
import { rollouts } from "../../../src/edge/http/rollouts/Routes.ts"
import { routes } from "../../../src/edge/http/routes/Routes.ts"
import { schedules } from "../../../src/edge/http/schedules/Routes.ts"
import { segments } from "../../../src/edge/http/segments/Routes.ts"
import { stream } from "../../../src/edge/http/stream/Routes.ts"
import { subscriptions } from "../../../src/edge/http/subscriptions/Routes.ts"
import { topics } from "../../../src/edge/http/topics/Routes.ts"
import { usage } from "../../../src/edge/http/usage/Routes.ts"
import { Experiments } from "../../../src/experiments/Experiments.ts"
import { Feeds } from "../../../src/feeds/Feeds.ts"
import { FlagStreams } from "../../../src/flags/FlagStreams.ts"
import { Flags } from "../../../src/flags/Flags.ts"
import { FlagUses } from "../../../src/flags/FlagUses.ts"
import { OpenFlags, type OpenFlagsOptions } from "../../../src/flags/OpenFlags.ts"
import { Refetches } from "../../../src/flags/Refetches.ts"
import { Clients } from "../../../src/fleet/Clients.ts"
import { ConnectedClients } from "../../../src/fleet/ConnectedClients.ts"
import { Quotas, type QuotasOf } from "../../../src/limits/Quotas.ts"
import { MarketData } from "../../../src/marketdata/MarketData.ts"
import type { MarketStore } from "../../../src/marketdata/MarketStore.ts"
import { Propagation } from "../../../src/propagation/Propagation.ts"
import { Refs } from "../../../src/refs/Refs.ts"
import { Policies } from "../../../src/rollouts/Policies.ts"
import { Rollouts } from "../../../src/rollouts/Rollouts.ts"
import { Schedules } from "../../../src/schedules/Schedules.ts"
import { HealthReports } from "../../../src/sessions/HealthReports.ts"
import {
  below,
  propagation,
  reports,
  sessions,
  topics as topicLayer,
  configurations as updates
} from "../../support/Twins.ts"

/** What `startServices` has the services of. */
export const parts = [
  configuration,
  flags,
  segments,
  experiments,
  schedules,
  approvals,
  rollouts,
  refs,
  marketData,
  topics,
  subscriptions,
  routes,
  usage,
  flagSettings,
  ofrep,
  fleet,
  stream,
  feeds,
  access,
  limitsPart,
  errors
] as const satisfies ReadonlyArray<Part>

interface Seen extends CommitOptions {
  readonly drafts: ReadonlyArray<Draft>
  readonly traceId: string
}

/** Notes what was published; the key `defect` has one. */
const watched = (seen: Array<Seen>) =>
  Layer.effect(
    Configurations,
    Effect.map(Configurations, (real) =>
      Configurations.of({
        ...real,
        publish: Effect.fnUntraced(function* (drafts, options) {
          const span = yield* Effect.option(Effect.currentParentSpan)
          const traceId = Option.match(span, { onNone: () => "", onSome: (one) => one.traceId })
          seen.push({ ...options, drafts, traceId })
          return yield* real.publish(drafts, options)
        }),
        get: (environment, key, consistency) =>
          key === "defect" ? Effect.die(new Error("an inner secret")) : real.get(environment, key, consistency)
      })
    )
  ).pipe(Layer.provide(Configurations.layer))

/** Time stands still for who counts rates: how fast this machine is decides nothing. */
const still = Layer.effect(
  Clock.Clock,
  Effect.map(Clock.Clock, (real): Clock.Clock => {
    const millis = real.currentTimeMillisUnsafe()
    const nanos = BigInt(millis) * 1_000_000n
    return {
      ...{ currentTimeMillisUnsafe: () => millis, currentTimeMillis: Effect.succeed(millis) },
      ...{ currentTimeNanosUnsafe: () => nanos, currentTimeNanos: Effect.succeed(nanos) },
      ...{ monotonicTimeNanosUnsafe: () => nanos, monotonicTimeNanos: Effect.succeed(nanos) },
      sleep: (duration) => real.sleep(duration)
    }
  })
)

/** Who else is known than who has an API key. */
export interface Others {
  readonly jwt?: JwtOptions
  /** An issuer of tokens, client certificates. */
  readonly known: Layer.Layer<never>
  readonly quotas?: QuotasOf
}

/** Every service that the routes need; nobody is connected. `mint` makes a key for each role. */
export const startServices = (
  open: Partial<OpenFlagsOptions> = {},
  burst = 100_000,
  { jwt, known, quotas }: Others = { known: Layer.empty }
) => {
  const state = { stale: false, seen: [] as Array<Seen> }
  /** Stale when a test says so: not when the machine was too slow to ask for 3 s. */
  const view = Layer.effect(
    Propagation,
    Effect.map(Propagation, (real) => Propagation.of({ ...real, stale: () => state.stale }))
  ).pipe(Layer.provideMerge(propagation()))
  // This machine's own addresses are limited by none: LIMIT_EXEMPT_ADDRESSES.
  const limits = { ratePerSecond: 100_000, burst, shared: () => true }
  const access = Access.layer({ pepper: "pepper", ...limits, ...(jwt && { jwt }) }).pipe(
    Layer.provide(Layer.merge(still, known))
  )
  const services = Layer.mergeAll(
    Refetches.layer.pipe(Layer.provideMerge(FlagStreams.layer({ streams: 10 })), Layer.provide(access)),
    OpenFlags.layer({
      anonymous: [],
      near: false,
      anonymousPerSecond: 1_000,
      origins: [],
      shared: () => false,
      ...open
    }),
    Refs.layer,
    Approvals.layer,
    MarketData.layer({ staleMillis: 60_000, topics: ["market-data/normalized/*"] }),
    topicLayer.pipe(Layer.provide(access)),
    Layer.merge(Schedules.layer, Rollouts.layer.pipe(Layer.provide(Policies.layer))).pipe(
      Layer.provideMerge(Layer.merge(watched(state.seen), Flags.layer))
    ),
    Experiments.layer({ keepReportsMillis: 60_000 }),
    FlagUses.layer,
    reports,
    Clients.layer,
    HealthReports.layer("principal"),
    SocketTickets.layer({ pepper: "pepper", run: "run" }).pipe(Layer.provide(access)),
    Feeds.layer({ max: 10 }).pipe(Layer.provide(access)),
    AuditCheckpoints.layer({ pepper: "pepper" }),
    access
  ).pipe(
    Layer.provideMerge(sessions().pipe(Layer.provide(access))),
    Layer.provide(updates),
    Layer.provideMerge(view),
    Layer.provide(Layer.succeed(ConnectedClients, { covering: () => Effect.succeed([]) })),
    Layer.provide(Judging.rules),
    Layer.provideMerge(below(Memory.layer)),
    Layer.provideMerge(quotas === undefined ? Layer.empty : Layer.succeed(Quotas, quotas)),
    Layer.provide(KeyHash.layer)
  )
  const tokens = new Map<string, string>()
  const mint = Layer.effectDiscard(
    Effect.gen(function* () {
      const door = yield* Access
      const wishes: ReadonlyArray<readonly [string, Role, string]> = [
        ["admin", "admin", "*"],
        ["publisher", "publisher", "*"],
        ["publisher@staging", "publisher", "staging"],
        ["subscriber@production", "subscriber", "production"],
        ["viewer@production", "viewer", "production"],
        ["publisher@production", "publisher", "production"],
        ["admin@production", "admin", "production"],
        ["viewer", "viewer", "*"],
        ["subscriber", "subscriber", "*"]
      ]
      for (const [name, role, environment] of wishes) {
        const { token } = yield* door.createKey({ name, role, environments: [environment], expiresAt: null })
        tokens.set(name, token)
      }
      const gone = { name: "gone", role: "admin", environments: ["*"] } as const
      const revoked = yield* door.createKey({ ...gone, expiresAt: null })
      yield* door.revokeKey(revoked.key.id)
      tokens.set("revoked", revoked.token)
      const expired = yield* door.createKey({ ...gone, add: true, expiresAt: null })
      yield* door.rotateKey(expired.key.id, 0)
      tokens.set("expired", expired.token)
    }).pipe(Effect.provideService(CurrentIdentity, system))
  )
  return { state, tokens, services, mint }
}

/** `also`: further parts. `market`: writes what there is of market data. */
export const startRoutes = async (
  also: ReadonlyArray<Part> = [],
  open: Partial<OpenFlagsOptions> = {},
  burst?: number,
  market: Effect.Effect<unknown, unknown, MarketStore> = Effect.void,
  others?: Others
) => {
  const { state, tokens, services, mint } = startServices(open, burst, others)
  const { handler, dispose } = HttpRouter.toWebHandler(
    Layer.mergeAll(
      routesOf([...parts, ...(also as ReadonlyArray<never>)]),
      mint,
      Layer.effectDiscard(Effect.orDie(market))
    ).pipe(
      Layer.provide(services),
      Layer.provide(others?.known ?? Layer.empty),
      Layer.provideMerge(HttpServer.layerServices)
    ),
    { disableLogger: true, routerConfig }
  )
  const call = async (
    method: string,
    path: string,
    options: { readonly as?: string; readonly body?: unknown; readonly headers?: Record<string, string> } = {}
  ) => {
    const { as = "admin", body, headers = {} } = options
    const token = tokens.get(as)
    const raw = body === undefined || typeof body === "string" || body instanceof Uint8Array
    const response = await handler(
      new Request(`http://localhost${path}`, {
        method,
        headers: {
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...headers
        },
        ...(body === undefined ? {} : { body: (raw ? body : JSON.stringify(body)) as string })
      })
    )
    const text = await response.text()
    const isJson = response.headers.get("content-type")?.includes("json") === true
    return {
      status: response.status,
      headers: response.headers,
      text,
      // biome-ignore lint/suspicious/noExplicitAny: bodies of every route
      body: (isJson && text !== "" ? JSON.parse(text) : undefined) as any
    }
  }
  await handler(new Request("http://localhost/livez"))
  return { call, state, tokens, dispose }
}
