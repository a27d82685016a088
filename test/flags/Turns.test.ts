/** Evaluating all flags of an environment, and reading many that are published, beside all else that a node does. */
import { assert, it, vi } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Memory from "../../layers/Memory/Memory.ts"
import { CurrentIdentity, system } from "../../src/access/Identity.ts"
import { readers } from "../../src/flags/Checking.ts"
import { Flags } from "../../src/flags/Flags.ts"
import { FlagView } from "../../src/flags/FlagView.ts"
import { makeResolving } from "../../src/flags/Resolving.ts"
import { callerOf } from "../../src/usage/Caller.ts"
import { Usage } from "../../src/usage/Usage.ts"
import { Digest } from "../../src/values/Digest.ts"
import type { Job } from "../../src/work/Job.ts"
import { below, propagation } from "../support/Twins.ts"

/** A clock that stands still but for the work that a test counts, and how much of that there was in a turn of the event loop, at most. */
const counting = () => {
  let millis = 0
  const now = vi.spyOn(performance, "now").mockImplementation(() => millis)
  let [inTurn, most, turning] = [0, 0, true]
  const turn = () => {
    inTurn = 0
    if (turning) setImmediate(turn)
  }
  turn()
  return {
    worked: () => {
      millis += 5
      most = Math.max(most, ++inTurn)
    },
    most: () => most,
    end: Effect.sync(() => {
      turning = false
      now.mockRestore()
    })
  }
}

it.live("FU4 rules that take long are evaluated a few in a turn of the event loop, whatever there are of them", () => {
  const keys = Array.from({ length: 600 }, (_, n) => `f${String(n).padStart(3, "0")}`)
  const { worked, most, end } = counting()
  const evaluate = () => {
    worked()
    return {}
  }
  const view = {
    page: (_: string, { after, limit }: { after: string; limit: number }) =>
      keys
        .filter((key) => key > after)
        .slice(0, limit)
        .map((key) => ({ key })),
    flag: () => ({ evaluate }),
    find: () => undefined
  }
  return Effect.gen(function* () {
    const resolving = yield* makeResolving
    const found = yield* resolving.resolveAll("production", {}, callerOf("ofrep-bulk", undefined))
    assert.deepStrictEqual(
      found.map(([key]) => key),
      keys
    )
    assert.isAtMost(most(), 4)
  }).pipe(
    Effect.provideService(Usage, { note: () => {}, noteAll: () => {}, onlyWhere: () => {} } as never),
    Effect.provideService(FlagView, view as never),
    Effect.provideService(Digest, () => ""),
    Effect.provideService(CurrentIdentity, system),
    Effect.ensuring(end)
  )
})

const flags = (threads: Parameters<typeof below>[1] = {}) =>
  Flags.layer.pipe(
    Layer.provide(Usage.layer()),
    Layer.provideMerge(propagation()),
    Layer.provideMerge(below(Memory.layer, threads))
  )
const draft = (key: string, definition: unknown) => ({
  environment: "production",
  key,
  definition: JSON.stringify(definition),
  expectedVersion: undefined
})

it.live("FU5 what is published is read a few in a turn of the event loop, whatever there is of it", () => {
  const { worked, most, end } = counting()
  const { flag } = readers
  vi.spyOn(readers, "flag").mockImplementation((definition) => {
    worked()
    return flag(definition)
  })
  return Effect.gen(function* () {
    const { beside } = yield* Flags
    const { check } = yield* beside(Array.from({ length: 300 }, (_, n) => draft(`f${n}`, { enabled: true })))
    assert.strictEqual((yield* check).length, 300)
    assert.isAtMost(most(), 4)
  }).pipe(
    Effect.provideService(CurrentIdentity, system),
    Effect.provide(flags()),
    Effect.ensuring(
      Effect.andThen(
        Effect.sync(() => vi.restoreAllMocks()),
        end
      )
    )
  )
})

it.live("FU5 a large definition is read in a thread, with all that is wrong with it", () => {
  const began: Array<Job> = []
  return Effect.gen(function* () {
    const { publish } = yield* Flags
    const rule = (variant: string) => ({
      if: [{ in: [{ var: "email" }, Array(9_000).fill("a@x.org")] }, variant, "off"]
    })
    const large = (variant: string) => ({
      state: "ENABLED",
      variants: { on: true, off: false },
      defaultVariant: "off",
      targeting: rule(variant)
    })
    const { committed } = yield* publish(draft("large", large("on")), { message: "" })
    const wrong = yield* Effect.flip(publish(draft("wrong", large("onn")), { message: "" }))

    assert.strictEqual(committed.revision.changes.length, 1)
    assert.deepStrictEqual([wrong.name, wrong.details?.["key"]], ["InvalidFlag", "wrong"])
    assert.include(wrong.message, "onn")
    assert.deepStrictEqual(
      began.map((job) => job.kind === "aside" && job.reader),
      ["flag", "flag"]
    )
  }).pipe(
    Effect.provideService(CurrentIdentity, system),
    Effect.provide(flags({ threads: { began: (job) => began.push(job) } }))
  )
})
