/**
 * Moves a rollout as a person asks for it.
 *
 *   RH1  It is decided on the rollout as the store has it, and again where another was faster: whoever asks to pause what has just gone on pauses it.
 *   RH3  Two who promote the same stage at once begin the next one, once: the second is told that it has begun.
 *   RH2  What asks for a plan goes on by it: a person promotes what Herald paused, and skips no stage, or breaks the glass.
 */
import { Clock, Effect } from "effect"
import { touchesAll } from "../access/About.ts"
import { requirePermission } from "../access/Access.ts"
import { makeCommitting } from "../commits/Committing.ts"
import { Conflict } from "../commits/Conflict.ts"
import type { Committed } from "../commits/Release.ts"
import { type CommitOptions, messageOf } from "../commits/Request.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { nameOf } from "../keys/Name.ts"
import { requiredFor } from "../plans/Policy.ts"
import { makeMoving } from "./Moving.ts"
import { Policies } from "./Policies.ts"
import { aboutsOfTargets, OWNER, type Rollout } from "./Rollout.ts"
import { RolloutStore } from "./RolloutStore.ts"
import { type Asked, askedStep } from "./Step.ts"
import { makeTraced } from "./Traced.ts"

export type { Asked } from "./Step.ts"

const TRIES = 8

const did: Readonly<Record<Asked, string>> = {
  pause: "paused it",
  resume: "resumed it",
  promote: "promoted it",
  "promote to all": "gave it to everyone",
  abort: "aborted it"
}

/** Who is told that it can't be. */
const done: Readonly<Record<Asked, string>> = {
  pause: "paused",
  resume: "resumed",
  promote: "promoted",
  "promote to all": "promoted",
  abort: "aborted"
}

/** As stores give them. */
export const isId = (key: string): boolean => /^r\d{1,18}$/.test(key)

export const unknown = (environment: string, key: string) =>
  failure(
    "NotFound",
    `there is no rollout ${isId(key) ? key : "of that name"} in ${environment}; see herald rollout list`,
    {
      details: { key, environment }
    }
  )

/** Fails `NotFound`, `RolloutState` where it can't be done, and as `Commits.commit`. */
export const makeByHand = Effect.gen(function* () {
  const store = yield* RolloutStore
  const moving = yield* makeMoving
  const policies = yield* Policies
  const traced = yield* makeTraced
  const commit = yield* makeCommitting

  return Effect.fn("Rollouts.move")(function* (environment: string, key: string, asked: Asked, options: CommitOptions) {
    const identity = yield* requirePermission("config.write", environment, { kind: "rollout" })
    const message = messageOf(options)
    const text = `${identity.name} ${did[asked]}${message === "" ? "" : `: ${message}`}`
    const request = { kind: "rollout", environment, key, asked }
    /** What was done by this idempotency key before is answered, whatever became of the rollout since (F4). */
    const refused = (why: HeraldError) =>
      commit<Rollout>({ action: "rollout", identity, options, request, check: () => Effect.fail(why) })

    /** RH2 */
    const asPlanned = Effect.fnUntraced(function* ({ state, stage, plan, by, targets }: Rollout) {
      const skips = asked === "promote to all" && stage + 1 < plan.stages.length
      const isGivenOn = !skips && (stage < 0 || (state === "paused" && by === OWNER))
      if (!asked.startsWith("promote") || isGivenOn || options.breakGlass !== undefined) return
      const { policy } = yield* policies.of(environment)
      for (const { kind, key: its } of targets) {
        const rule = requiredFor(policy, kind === "configuration" ? its : nameOf(kind, its))
        if (rule === undefined) continue
        return yield* refused(
          failure(
            "PlanRequired",
            `${its} in ${environment} is given on by its plan only: stage by stage, and by a person what Herald has paused`,
            { details: { kind, key: its, environment, keys: rule.keys } }
          )
        )
      }
    })

    const tried = (left: number, from?: number): Effect.Effect<Committed, HeraldError> => {
      let stage = from
      return Effect.gen(function* () {
        const rollout = yield* store.find(environment, key)
        if (rollout === undefined) return yield* refused(unknown(environment, key))
        if (!touchesAll(identity, aboutsOfTargets(rollout.targets))) return yield* unknown(environment, key) // XR5
        stage ??= rollout.stage
        const step =
          asked === "promote" && stage !== rollout.stage
            ? `stage ${rollout.stage + 1} of ${rollout.plan.stages.length} has begun meanwhile` // RH3
            : askedStep(rollout, asked, yield* Clock.currentTimeMillis, text)
        if (typeof step !== "string") {
          yield* asPlanned(rollout)
          const moved = moving({ rollout, step, fence: null, identity, options, request })
          return yield* traced(rollout, step, "person", moved) // OV1
        }
        const { state } = rollout
        return yield* refused(
          failure("RolloutState", `the rollout ${key} in ${environment} can't be ${done[asked]}: ${step}`, {
            details: { key, environment, state }
          })
        )
      }).pipe(
        Effect.catchIf(
          (error) => left > 1 && error instanceof Conflict,
          () => tried(left - 1, stage)
        )
      ) // RH1
    }
    return yield* tried(TRIES)
  })
})
