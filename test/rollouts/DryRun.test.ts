/** What a dry run of a rollout is refused for. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Rollouts } from "../../src/rollouts/Rollouts.ts"
import { asSystem, draft, node, wanted } from "./Node.ts"

describe("A dry run of a rollout", () => {
  it.effect("is refused where another rollout has the key, and not where the same file began it", () =>
    Effect.gen(function* () {
      const rollouts = yield* Rollouts
      const asked = wanted({ changes: [draft("a", "one")], plan: { stages: "1%,100%" }, file: "f" })
      const { rollout } = yield* rollouts.apply(asked, { message: "why" })
      yield* rollouts.validate(asked)
      const other = yield* Effect.flip(rollouts.validate({ ...asked, file: undefined }))
      assert.deepStrictEqual([other.name, other.message.includes(rollout.key)], ["InRollout", true])
      yield* rollouts.move("production", rollout.key, "abort", { message: "why" })
      yield* rollouts.validate({ ...asked, file: undefined })
    }).pipe(asSystem, Effect.provide(node()))
  )
})
