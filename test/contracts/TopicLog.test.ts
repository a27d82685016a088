/** The log of topics in PostgreSQL keeps its contracts. */
import { describe, it } from "@effect/vitest"
import { Effect, Layer, ManagedRuntime } from "effect"
import { afterAll, beforeAll } from "vitest"
import * as Postgres from "../../layers/Postgres/Postgres.ts"
import { clientOptions, type Database, startDatabase } from "../support/Database.ts"
import { kinds } from "../support/Twins.ts"
import { topicLogsContract } from "./TopicLogs.ts"
import { topicStoresContract } from "./TopicStores.ts"

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

describe("topics in PostgreSQL", () => {
  topicStoresContract((name, body) => it(name, () => runtime.runPromise(Effect.suspend(body))))
  topicLogsContract((name, body) => it(name, () => runtime.runPromise(Effect.suspend(body))))
})
