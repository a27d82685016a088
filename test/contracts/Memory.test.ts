/** The memory twins keep the contracts of the stores. */
import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Memory from "../../layers/Memory/Memory.ts"
import { peopleContract } from "./People.ts"
import { storesContract } from "./Stores.ts"

describe("memory", () => {
  storesContract((name, body) => it.live(name, () => Effect.suspend(body).pipe(Effect.provide(Memory.layer))))
  peopleContract((name, body) => it.live(name, () => Effect.suspend(body).pipe(Effect.provide(Memory.layer))))
})
