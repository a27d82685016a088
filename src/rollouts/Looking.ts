/**
 * What is known of a rollout now: its instances, what each gate says, what it waits for. As its owner finds it, but for what others are asked.
 */
import { Clock, Effect } from "effect"
import type { Gate } from "../plans/Plan.ts"
import type { Evidence, Reading } from "./Evidence.ts"
import { EvidenceStore } from "./EvidenceStore.ts"
import { askedOf, readingsOf } from "./Gates.ts"
import { decide } from "./Machine.ts"
import { Policies } from "./Policies.ts"
import { rate } from "./Rates.ts"
import { isOver, type Rollout } from "./Rollout.ts"

/** A rollout with what is known of it now. */
export interface Look {
  readonly rollout: Rollout
  /** Undefined: it is over, has not begun, or nothing can be read of it now. */
  readonly evidence: Evidence | undefined
  /** Of each gate, in the plan's order; what asks others is as it was last heard. */
  readonly readings: ReadonlyArray<Reading>
  /** What it waits for, for people; "" for nothing. */
  readonly waits: string
  /** What changes when there is news of it. */
  readonly seen: string
}

/** `changed`: of `EvidenceStore`. */
export const seenOf = ({ environment, key, version }: Rollout, changed: ReadonlyMap<string, bigint>): string =>
  `${version}.${changed.get(`${environment}/${key}`) ?? 0}`

export const makeLooking = Effect.gen(function* () {
  const store = yield* EvidenceStore
  const policies = yield* Policies

  const evidenceOf = Effect.fnUntraced(function* ({ environment, key, plan }: Rollout) {
    const read = yield* Effect.result(store.read(environment, key, askedOf(plan)))
    return read._tag === "Success" ? read.success : undefined
  })

  return Effect.fnUntraced(function* (rollout: Rollout, changed: ReadonlyMap<string, bigint>) {
    const { environment, plan, state, why } = rollout
    const seen = seenOf(rollout, changed)
    if (isOver(state)) return { rollout, evidence: undefined, readings: why.readings, waits: "", seen } satisfies Look
    const evidence = state === "scheduled" ? undefined : yield* evidenceOf(rollout)
    /** As the owner found it last. */
    const last = ({ text }: Gate) => why.readings.find(({ gate }) => gate === text)
    const readings =
      state === "scheduled"
        ? why.readings
        : readingsOf(plan, evidence, { rate, external: (place) => last(plan.gates[place]!) })
    const said = yield* Effect.result(policies.of(environment))
    const freezes = said._tag === "Success" ? said.success.policy.freezes : []
    const now = evidence?.now ?? (yield* Clock.currentTimeMillis)
    // It tells, and decides nothing: the times are the store's alone.
    const clocks = { now, left: Number.NEGATIVE_INFINITY, missing: 0 }
    const decision = decide(rollout, { evidence, readings, freezes }, clocks)
    return { rollout, evidence, readings, waits: decision.type === "wait" ? decision.why : "", seen } satisfies Look
  })
})
