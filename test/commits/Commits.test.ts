/** The memory twins keep the contract of a log of two kinds. */
import { describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Memory from "../../layers/Memory/Memory.ts"
import { State } from "../../layers/Memory/State.ts"
import { kindsContract } from "../contracts/Kinds.ts"
import { memoryToys } from "../support/Toy.ts"

const stores = Layer.unwrap(
  Effect.sync(() => {
    const state = new State()
    return Layer.merge(Memory.layerOn(state), memoryToys.pipe(Layer.provide(Layer.succeed(State.service, state))))
  })
)

describe("two kinds in memory", () => {
  kindsContract((name, body) => it.live(name, () => Effect.suspend(body).pipe(Effect.provide(stores))))
})
