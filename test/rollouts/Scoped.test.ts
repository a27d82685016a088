/** Rollouts, for whoever may touch some keys and kinds. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Identity } from "../../src/access/Identity.ts"
import type { HeraldError } from "../../src/errors/HeraldError.ts"
import { Flags } from "../../src/flags/Flags.ts"
import { POLICY_KEY } from "../../src/plans/Policy.ts"
import { Rollouts } from "../../src/rollouts/Rollouts.ts"
import { toggle } from "../support/Definitions.ts"
import { as, asSystem, draft, node, publish, wanted } from "./Node.ts"

const why = { message: "why" }
const environment = "production"
const who = (more: Partial<Identity> = {}): Identity => ({
  ...{ name: "pay", keyId: "p", role: "publisher", environments: ["*"], keys: ["pay.*"] },
  ...more
})
const pay = as(who())
const flag = (key: string) => ({ environment, key, definition: JSON.stringify(toggle({ if: [true, "on", "off"] })) })
const start = (...keys: ReadonlyArray<string>) =>
  Effect.flatMap(Rollouts, (rollouts) => rollouts.start(wanted({ flags: keys.map(flag) }), why))
const refusal = <A, R>(effect: Effect.Effect<A, HeraldError, R>) =>
  Effect.map(Effect.flip(effect), ({ name, details }) => `${name} ${details?.["rule"] ?? ""}`.trim())
const options = { limit: 10, before: "", state: undefined, touching: undefined }

describe("rollouts for whoever may touch some keys", () => {
  it.effect("XR5 they are begun, moved and seen by whoever may touch each of their keys, and by nobody else", () =>
    Effect.gen(function* () {
      const [rollouts, flags] = [yield* Rollouts, yield* Flags]
      for (const key of ["pay.a", "pay.b", "other"])
        yield* asSystem(flags.publish({ ...flag(key), definition: JSON.stringify(toggle()) }, why))
      const mine = (yield* pay(start("pay.a"))).rollout.key
      const mixed = (yield* asSystem(start("pay.b", "other"))).rollout.key
      assert.strictEqual(yield* refusal(pay(start("pay.a", "other"))), "Forbidden keys")
      const without = as(who({ kinds: ["flag"] }))
      assert.strictEqual(yield* refusal(without(start("pay.b"))), "Forbidden kinds")
      assert.strictEqual(yield* refusal(as(who({ kinds: ["rollout"] }))(start("pay.b"))), "Forbidden kinds")
      assert.strictEqual(yield* refusal(without(rollouts.list(environment, options))), "Forbidden kinds")
      const seen = as(who({ kinds: ["rollout"] }))
      assert.deepStrictEqual(yield* seen(rollouts.list(environment, options)), [])
      const listed = yield* pay(rollouts.list(environment, options))
      assert.deepStrictEqual(
        listed.map(({ key }) => key),
        [mine]
      )
      for (const asked of [
        rollouts.get(environment, mixed),
        rollouts.news(environment, mixed, "", 0),
        rollouts.history(environment, mixed, { limit: 1, after: 0 }),
        rollouts.instances(environment, mixed, { limit: 1, after: undefined, is: undefined }),
        rollouts.move(environment, mixed, "abort", why)
      ]) {
        const error = yield* Effect.flip(pay(asked as Effect.Effect<unknown, HeraldError>))
        assert.strictEqual(error.name, "NotFound")
        assert.notInclude(error.message, "other")
      }
      assert.strictEqual((yield* pay(rollouts.get(environment, mine))).rollout.key, mine)
      assert.strictEqual((yield* pay(rollouts.move(environment, mine, "abort", why))).rollout.state, "aborted")
      assert.strictEqual((yield* asSystem(rollouts.get(environment, mixed))).rollout.state, "scheduled")
    }).pipe(Effect.provide(node()))
  )

  it.effect("PY6 what an environment says of its rollouts is for whoever may change every key", () =>
    Effect.gen(function* () {
      const policy = draft(POLICY_KEY, '{"freezes":[]}', { type: "json" })
      const some = as(who({ role: "admin", keys: ["herald.*", "pay.*"] }))
      assert.match(yield* refusal(some(publish(policy))), /^Forbidden/)
      yield* as(who({ role: "admin", keys: ["*"] }))(publish(policy))
    }).pipe(Effect.provide(node()))
  )
})
