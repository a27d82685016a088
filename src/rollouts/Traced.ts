/**
 * Makes a span of each transition of a rollout, which says why it was made.
 *
 *   OV1  What Herald decides on a rollout belongs to the trace in which it was begun, for as long as the log has its beginning; what a person asks
 *        for belongs to the person's, with a link to that one.
 */
import { Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import { RevisionLog } from "../propagation/RevisionLog.ts"
import { contextsOf, within } from "../telemetry/Traces.ts"
import type { Rollout } from "./Rollout.ts"
import type { Step } from "./Step.ts"

export const makeTraced = Effect.gen(function* () {
  const log = yield* RevisionLog

  /** Its key has the revision by which it was begun. */
  const startOf = Effect.fnUntraced(
    function* ({ key }: Rollout) {
      const revision = BigInt(key.slice(1))
      const [start] = (yield* log.after(revision - 1n, 1)) ?? []
      return start?.revision === revision ? contextsOf([start.traceparent]) : []
    },
    Effect.orElseSucceed(() => [])
  )

  const attributesOf = ({ key, environment }: Rollout, { to, stage, why: { text, counts, readings } }: Step) => ({
    "herald.rollout": key,
    "herald.environment": environment,
    "herald.rollout.state": to,
    "herald.stage": stage + 1,
    "herald.rollout.reason": text,
    ...(counts === undefined ? {} : { "herald.rollout.counts": JSON.stringify(counts) }),
    ...(readings.length === 0
      ? {}
      : {
          "herald.rollout.readings": readings
            .map(({ gate, verdict, text }) => `${gate}: ${verdict}, ${text}`)
            .join("\n")
        })
  })

  /** `work` commits the step. */
  return Effect.fnUntraced(function* <A>(
    rollout: Rollout,
    step: Step,
    by: "herald" | "person",
    work: Effect.Effect<A, HeraldError>
  ) {
    const contexts = yield* startOf(rollout)
    const [name, attributes] = [`rollout ${step.to}`, attributesOf(rollout, step)]
    if (by === "herald") {
      const moved = Effect.withSpan(work, name, { attributes })
      return yield* contexts.length === 0 ? moved : within(contexts)(moved)
    }
    const links = contexts.filter(({ sampled }) => sampled).map((span) => ({ span, attributes: {} }))
    return yield* Effect.withSpan(work, name, { attributes, links })
  })
})
