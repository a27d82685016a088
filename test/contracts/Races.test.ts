/** Two nodes on a real PostgreSQL, and two on the memory twins, lose nobody's rule. */

import { describe, it } from "@effect/vitest"
import { Effect, Layer, ManagedRuntime } from "effect"
import { afterAll, beforeAll } from "vitest"
import * as Memory from "../../layers/Memory/Memory.ts"
import * as Postgres from "../../layers/Postgres/Postgres.ts"
import { clientOptions, type Database, startDatabase } from "../support/Database.ts"
import { kinds } from "../support/Twins.ts"
import { racesContract } from "./Races.ts"

let database: Database
const runtime = ManagedRuntime.make(
  Layer.unwrap(Effect.sync(() => Postgres.layer(clientOptions(database.url)).pipe(Layer.provide(kinds))))
)

beforeAll(async () => {
  database = await startDatabase()
})
afterAll(async () => {
  await runtime.dispose()
  await database[Symbol.asyncDispose]()
})

describe("two nodes on memory", () => {
  racesContract((name, body) =>
    it.live(name, () => Effect.scoped(Effect.suspend(body)).pipe(Effect.provide(Layer.fresh(Memory.layer))))
  )
})

describe("two nodes on PostgreSQL", () => {
  racesContract((name, body) => it(name, () => runtime.runPromise(Effect.scoped(Effect.suspend(body)))))
})
