/** Routing rules and the step that routes, in memory and in PostgreSQL. */
import { describe, it } from "@effect/vitest"
import { Effect, Layer, ManagedRuntime } from "effect"
import { afterAll, beforeAll } from "vitest"
import * as Memory from "../../layers/Memory/Memory.ts"
import * as EphemeralLog from "../../layers/Memory/topics/EphemeralLog.ts"
import * as Postgres from "../../layers/Postgres/Postgres.ts"
import { Access } from "../../src/access/Access.ts"
import { RoutingRules } from "../../src/routes/RoutingRules.ts"
import { KnownTopics } from "../../src/topics/KnownTopics.ts"
import { Logs } from "../../src/topics/Logs.ts"
import { TopicUsers } from "../../src/topics/TopicUsers.ts"
import { clientOptions, type Database, startDatabase } from "../support/Database.ts"
import { kinds } from "../support/Twins.ts"
import { workers } from "../support/workers.ts"
import { routeStoresContract } from "./RouteStores.ts"
import { routingContract } from "./RoutingNodes.ts"

const access = Layer.mock(Access, { spend: () => Effect.void })
const above = RoutingRules.layer.pipe(
  Layer.provideMerge(Layer.mergeAll(KnownTopics.layer, Logs.layer, TopicUsers.layer, workers(), access)),
  Layer.provide(EphemeralLog.layer({ partitionBytes: 1_048_576, allBytes: 1_048_576 }))
)

describe("memory", () => {
  routeStoresContract((name, body) => it.live(name, () => Effect.suspend(body).pipe(Effect.provide(Memory.layer))))
  const all = Layer.provideMerge(above, Memory.layer)
  routingContract((name, body) => it.live(name, () => Effect.suspend(body).pipe(Effect.provide(all)), 60_000))
})

describe("PostgreSQL", () => {
  let database: Database
  const stores = Layer.unwrap(
    Effect.sync(() =>
      Postgres.layer(clientOptions(database.url)).pipe(Layer.provide(kinds), (below) =>
        Layer.provideMerge(above, below)
      )
    )
  )
  const runtime = ManagedRuntime.make(stores)

  beforeAll(async () => {
    database = await startDatabase()
  })
  afterAll(async () => {
    await runtime.dispose()
    await database[Symbol.asyncDispose]()
  })

  routeStoresContract((name, body) => it(name, () => runtime.runPromise(Effect.suspend(body))))
  routingContract((name, body) => it(name, () => runtime.runPromise(Effect.suspend(body)), 60_000))
})
