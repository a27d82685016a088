/** Every placement keeps the contract: the twin, and the cluster's on stores in memory and on PostgreSQL. */
import { randomUUID } from "node:crypto"
import { describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { afterAll, beforeAll } from "vitest"
import * as Clustered from "../../layers/Cluster/placement/Placement.ts"
import * as Memory from "../../layers/Memory/Memory.ts"
import { State } from "../../layers/Memory/State.ts"
import * as Postgres from "../../layers/Postgres/Postgres.ts"
import { Placement } from "../../src/placement/Placement.ts"
import { clientOptions, type Database, startDatabase } from "../support/Database.ts"
import { kinds } from "../support/Twins.ts"
import { placementContract } from "./Placements.ts"

const built = <E>(layer: Layer.Layer<Placement, E>) =>
  Layer.build(Layer.fresh(layer)).pipe(Effect.orDie, Effect.map(Context.get(Placement)))

const clustered = (node: string) => Clustered.layer({ run: randomUUID(), node })

describe("memory", () => {
  placementContract((name, body) =>
    it.live(name, () => {
      const state = new State()
      return body({ join: () => built(Memory.layerOn(state)) })
    })
  )
})

describe("the cluster, on a store in memory", () => {
  placementContract((name, body) =>
    it.live(name, () => {
      const state = new State()
      return body({ join: (node) => built(clustered(node).pipe(Layer.provide(Memory.layerOn(state)))) })
    })
  )
})

describe("the cluster, on PostgreSQL", () => {
  let database: Database
  beforeAll(async () => {
    database = await startDatabase()
  })
  afterAll(() => database[Symbol.asyncDispose]())
  placementContract((name, body) =>
    it.live(name, () =>
      body({
        join: (node) =>
          built(clustered(node).pipe(Layer.provide(Postgres.layer(clientOptions(database.url))), Layer.provide(kinds)))
      })
    )
  )
})
