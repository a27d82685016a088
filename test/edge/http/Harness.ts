/** The routes over in-memory services, called as a browser would: `Request` in, `Response` out. */

import { createHash } from "node:crypto"
import { Effect, Layer, Option } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import * as KeyHash from "../../../layers/Crypto/access/KeyHash.ts"
import { Access, requirePermission } from "../../../src/access/Access.ts"
import { type ApiKey, ApiKeyStore } from "../../../src/access/ApiKeyStore.ts"
import { AuditCheckpoints } from "../../../src/access/AuditCheckpoints.ts"
import { AuditLog } from "../../../src/access/AuditLog.ts"
import { CurrentIdentity, type Role, system } from "../../../src/access/Identity.ts"
import { folded } from "../../../src/access/Principal.ts"
import type { Committed } from "../../../src/commits/Release.ts"
import type { Configuration, Head } from "../../../src/configuration/Configuration.ts"
import { Configurations } from "../../../src/configuration/Configurations.ts"
import { ConfigurationView } from "../../../src/configuration/ConfigurationView.ts"
import type { Draft, PublishOptions } from "../../../src/configuration/Draft.ts"
import { draftsProblem } from "../../../src/configuration/Request.ts"
import type { Part } from "../../../src/edge/http/Contract.ts"
import { routerConfig, routesOf } from "../../../src/edge/http/Http.ts"
import { failure, type HeraldError } from "../../../src/errors/HeraldError.ts"
import { Clients } from "../../../src/fleet/Clients.ts"
import { InstanceStore } from "../../../src/fleet/InstanceStore.ts"
import { targetProblem } from "../../../src/keys/Target.ts"
import { http } from "../../../src/node/Node.ts"
import { Propagation } from "../../../src/propagation/Propagation.ts"
import { pageOf } from "../../../src/values/Page.ts"
import { workers } from "../../support/workers.ts"

export const memoryKeys = () => {
  const keys = new Map<string, ApiKey>()
  /** `losing`: writes from now on whose answers are lost. */
  const state = { down: false, lookups: 0, losing: 0 }
  const guard = <A>(make: () => A): Effect.Effect<A, HeraldError> =>
    Effect.suspend(() =>
      state.down ? Effect.fail(failure("DatabaseUnavailable", "the database is away")) : Effect.succeed(make())
    )
  const layer = Layer.succeed(
    ApiKeyStore,
    ApiKeyStore.of({
      create: (key, { alone = false } = {}) =>
        alone && [...keys.values()].some((one) => folded(one.name) === folded(key.name) && one.revokedAt === null)
          ? Effect.fail(failure("PrincipalExists", `there is a principal ${key.name}`))
          : guard(() => void keys.set(key.id, key)),
      rotate: (id, successor, { until }) =>
        guard(() => {
          const key = keys.get(id)
          if (key === undefined) return false
          keys.set(id, { ...key, expiresAt: until })
          keys.set(successor.id, successor)
          return true
        }),
      createFirstAdmin: (key) =>
        Effect.flatMap(
          guard(() => keys.size === 0 && keys.set(key.id, key).size === 1),
          (made) =>
            state.losing-- > 0
              ? Effect.fail(failure("DatabaseUnavailable", "the database died before it said so"))
              : Effect.succeed(made)
        ),
      find: (id) =>
        guard(() => {
          state.lookups++
          return keys.get(id)
        }),
      list: guard(() => [...keys.values()]),
      revoke: (id) =>
        guard(() => {
          const key = keys.get(id)
          if (key === undefined || key.revokedAt !== null) return false
          keys.set(id, { ...key, revokedAt: 1 })
          return true
        })
    })
  )
  return { keys, state, layer }
}

interface Seen extends PublishOptions {
  readonly drafts: ReadonlyArray<Draft>
  readonly traceId: string
}

const digestOf = (value: string) => createHash("sha256").update(value).digest("hex")

/** Versions in a map; permissions as the real service checks them. */
const memoryConfigurations = (state: { stale: boolean; seen: Array<Seen> }) => {
  const versions = new Map<string, Array<Configuration>>()
  let revision = 0n
  const of = (environment: string, key: string) => versions.get(`${environment}/${key}`) ?? []
  const missing = (key: string) => failure("NotFound", `there is no key ${key}`)
  const commit = Effect.fnUntraced(function* (drafts: ReadonlyArray<Draft>, options: PublishOptions) {
    const span = yield* Effect.option(Effect.currentParentSpan)
    state.seen.push({
      ...options,
      drafts,
      traceId: Option.match(span, { onNone: () => "", onSome: (one) => one.traceId })
    })
    const problem = draftsProblem(drafts)
    for (const { environment } of drafts) yield* requirePermission("config.write", environment)
    if (problem !== undefined) return yield* problem
    for (const draft of drafts) {
      const current = of(draft.environment, draft.key).at(-1)?.version ?? 0
      if (draft.expectedVersion !== undefined && draft.expectedVersion !== current) {
        const details = { key: draft.key, expected: draft.expectedVersion, current }
        return yield* Effect.fail(failure("VersionConflict", `${draft.key} is at ${current}`, { details }))
      }
    }
    revision++
    const changes = drafts.map((draft): Configuration => {
      const list = of(draft.environment, draft.key)
      const made: Configuration = {
        kind: "configuration",
        key: draft.key,
        environment: draft.environment,
        version: list.length + 1,
        revision,
        value: draft.value ?? "",
        valueType: draft.type ?? list.at(-1)?.valueType ?? draft.typeIfNew ?? "json",
        deleted: draft.value === null,
        schema: draft.schema ?? null,
        strict: draft.strict ?? false,
        template: false,
        digest: digestOf(draft.value ?? ""),
        createdAt: 1,
        updatedAt: 2,
        updatedBy: "someone",
        changeLog: options.message
      }
      versions.set(`${draft.environment}/${draft.key}`, [...list, made])
      return made
    })
    const committed: Committed<Configuration> = {
      replayed: false,
      revision: {
        epoch: "e1",
        revision,
        changes,
        traceparent: "",
        actor: "x",
        message: options.message,
        committedAt: 3
      }
    }
    return committed
  })
  const read = Effect.fnUntraced(function* (environment: string, key = "any") {
    yield* requirePermission("config.read", environment)
    const problem = targetProblem(environment, key)
    if (problem !== undefined) return yield* problem
  })
  const heads = (environment: string): ReadonlyArray<Head> =>
    [...versions.values()].map((list) => list.at(-1)!).filter((one) => one.environment === environment)
  const configurations = Configurations.of({
    publish: commit,
    rollback: Effect.fnUntraced(function* (environment, key, toVersion, options) {
      const old = of(environment, key)[toVersion - 1]
      if (old === undefined) return yield* Effect.fail(missing(key))
      return yield* commit([{ key, environment, value: old.value, type: old.valueType }], options)
    }),
    validate: Effect.fnUntraced(function* (drafts) {
      for (const draft of drafts) yield* requirePermission("config.write", draft.environment)
      const problem = draftsProblem(drafts)
      if (problem !== undefined) return yield* problem
      return drafts.map(({ key, environment }) => ({
        key,
        environment,
        difference: { kind: "none" as const },
        clients: 0
      }))
    }),
    get: Effect.fnUntraced(function* (environment, key) {
      yield* read(environment, key)
      if (key === "defect") return yield* Effect.die(new Error("an inner secret"))
      const configuration = of(environment, key).at(-1)
      if (configuration === undefined || configuration.deleted) return yield* Effect.fail(missing(key))
      return { configuration, stale: state.stale }
    }),
    version: Effect.fnUntraced(function* (environment, key, version) {
      yield* read(environment, key)
      return of(environment, key)[version - 1] ?? (yield* Effect.fail(missing(key)))
    }),
    history: (environment, key, { limit, before }) =>
      Effect.as(
        read(environment, key),
        pageOf(
          of(environment, key)
            .toReversed()
            .filter(({ version }) => before === undefined || version < before),
          limit,
          ({ value }) => value.length
        )
      ),
    list: ({ environment, prefix, limit, after }) =>
      Effect.as(
        read(environment),
        heads(environment)
          .filter(({ key }) => key.startsWith(prefix) && key > after)
          .sort((a, b) => (a.key < b.key ? -1 : 1))
          .slice(0, limit)
      ),
    diff: (environment, key) => Effect.as(read(environment, key), { kind: "none" as const }),
    explain: Effect.fnUntraced(function* (environment, key, labels) {
      yield* read(environment, key)
      const stored = of(environment, key).at(-1)
      if (stored === undefined) return yield* Effect.fail(missing(key))
      const used = Object.entries(labels).map(([name, value]) => ({ name, value, source: "client" as const }))
      return { stored, variables: {}, used, missing: [], secrets: [], effective: stored.value, stale: false }
    })
  })
  return {
    head: (environment: string, key: string) => of(environment, key).at(-1),
    revision: () => revision,
    layer: Layer.succeed(Configurations, configurations)
  }
}

/** Every service that the routes need, in memory. `mint` makes a key for each role. */
export const startServices = () => {
  const state = { stale: false, seen: [] as Array<Seen> }
  const keys = memoryKeys()
  const configurations = memoryConfigurations(state)
  const access = Access.layer({ pepper: "pepper", ratePerSecond: 100_000, burst: 100_000 }).pipe(
    Layer.provide([keys.layer, KeyHash.layer])
  )
  const propagation = Layer.mock(Propagation, {
    position: () => ({ epoch: "e1", revision: configurations.revision() }),
    stale: () => state.stale
  })
  const view = Layer.mock(ConfigurationView, {
    head: configurations.head,
    matching: () => [],
    page: () => [],
    slices: function* () {}
  })
  const audit = Layer.mock(AuditLog, {
    read: () => Effect.succeed([]),
    check: () => Effect.succeed({ entries: 3, total: 3, problem: undefined, next: undefined })
  })
  const checkpoints = Layer.mock(AuditCheckpoints, {
    signed: () => true,
    compare: () => Effect.succeed({ checked: 0, newest: undefined, unsigned: 0, problem: undefined })
  })
  const instances = Layer.mock(InstanceStore, { list: () => Effect.succeed([]) })
  const services = Layer.mergeAll(
    configurations.layer,
    workers(),
    audit,
    checkpoints,
    propagation,
    Clients.layer.pipe(Layer.provide([instances, propagation, view]))
  ).pipe(Layer.provideMerge(access))
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
      tokens.set("expired", (yield* door.createKey({ ...gone, add: true, expiresAt: Date.now() + 20 })).token)
    }).pipe(Effect.provideService(CurrentIdentity, system))
  )
  return { state, keys, tokens, services, mint }
}

/** `also`: parts besides those of a node. */
export const startRoutes = async (also: ReadonlyArray<Part> = []) => {
  const { state, keys, tokens, services, mint } = startServices()
  const { handler, dispose } = HttpRouter.toWebHandler(
    Layer.mergeAll(routesOf([...http, ...(also as ReadonlyArray<never>)]), mint).pipe(
      Layer.provide(services),
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
        headers: { ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...headers },
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
      body: (isJson ? JSON.parse(text) : undefined) as any
    }
  }
  await handler(new Request("http://localhost/livez"))
  return { call, state, keys, tokens, dispose }
}
