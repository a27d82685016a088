/** Statistics of topics in memory and in a real PostgreSQL keep one contract. */
import { describe, it } from "@effect/vitest"
import { Effect, Layer, ManagedRuntime } from "effect"
import { afterAll, beforeAll } from "vitest"
import * as Memory from "../../layers/Memory/Memory.ts"
import * as Postgres from "../../layers/Postgres/Postgres.ts"
import { clientOptions, type Database, startDatabase } from "../support/Database.ts"
import { kinds } from "../support/Twins.ts"
import { statisticsContract } from "./Statistics.ts"

describe("statistics in memory", () => {
  statisticsContract((name, body) => it.live(name, () => Effect.suspend(body).pipe(Effect.provide(Memory.layer))))
})

describe("statistics in PostgreSQL", () => {
  let database: Database
  const stores = Layer.unwrap(Effect.sync(() => Postgres.layer(clientOptions(database.url)).pipe(Layer.provide(kinds))))
  const runtime = ManagedRuntime.make(stores)
  beforeAll(async () => {
    database = await startDatabase()
  })
  afterAll(async () => {
    await runtime.dispose()
    await database[Symbol.asyncDispose]()
  })
  statisticsContract((name, body) => it(name, () => runtime.runPromise(Effect.suspend(body))))
})
