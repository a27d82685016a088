import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { system } from "../../src/access/Identity.ts"
import { makeMoving } from "../../src/rollouts/Moving.ts"
import { Rollouts } from "../../src/rollouts/Rollouts.ts"
import { asSystem, draft, node, wanted } from "./Node.ts"

it.effect("RJ2 what others say never keeps a rollout from being taken back, however long it is", () =>
  Effect.gen(function* () {
    const rollouts = yield* Rollouts
    const { rollout } = yield* rollouts.start(wanted({ changes: [draft("a", "one")] }), { message: "" })
    const move = yield* makeMoving
    const long = '\u3000"'.repeat(1_000)
    const readings = Array.from({ length: 20 }, (_, nth) => ({
      gate: `${nth} ${long}`,
      verdict: "bad" as const,
      text: long,
      value: 1,
      dryRun: false
    }))
    const step = { to: "aborted", stage: -1, begins: false, lasts: null, due: false, bad: null } as const
    const why = { text: `bad: ${long.repeat(40)}`, readings }
    const options = { message: "" }
    yield* move({ rollout, step: { ...step, why }, fence: null, identity: system, options, request: undefined })
    const { rollout: over } = yield* rollouts.get("production", rollout.key)
    assert.strictEqual(over.state, "aborted")
    assert.strictEqual(over.why.readings.length, 20)
    assert.match(over.why.text, /^bad: /)
  }).pipe(asSystem, Effect.provide(node()))
)
