/** Subscriptions and their cursors, in memory and in PostgreSQL. */
import { describe, it } from "@effect/vitest"
import { Effect, Layer, ManagedRuntime } from "effect"
import { afterAll, beforeAll } from "vitest"
import * as Memory from "../../layers/Memory/Memory.ts"
import * as Postgres from "../../layers/Postgres/Postgres.ts"
import { clientOptions, type Database, startDatabase } from "../support/Database.ts"
import { kinds } from "../support/Twins.ts"
import { letterBoxContract } from "./LetterBoxes.ts"
import { cursorsContract } from "./SubscriptionCursors.ts"
import { sharesContract } from "./SubscriptionShares.ts"
import { subscriptionsContract } from "./Subscriptions.ts"

describe("memory", () => {
  subscriptionsContract((name, body) => it.live(name, () => Effect.suspend(body).pipe(Effect.provide(Memory.layer))))
  sharesContract((name, body) => it.live(name, () => Effect.suspend(body).pipe(Effect.provide(Memory.layer))))
  cursorsContract((name, body) => it.live(name, () => Effect.suspend(body).pipe(Effect.provide(Memory.layer))))
  letterBoxContract((name, body) => it.live(name, () => Effect.suspend(body).pipe(Effect.provide(Memory.layer))))
})

describe("PostgreSQL", () => {
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

  subscriptionsContract((name, body) => it(name, () => runtime.runPromise(Effect.suspend(body))))
  sharesContract((name, body) => it(name, () => runtime.runPromise(Effect.suspend(body))))
  cursorsContract((name, body) => it(name, () => runtime.runPromise(Effect.suspend(body))))
  letterBoxContract((name, body) => it(name, () => runtime.runPromise(Effect.suspend(body))))
})
