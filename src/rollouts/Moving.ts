/**
 * Commits a step of a rollout, for its owner and for people: how far a stage goes is fixed by who is connected then, and what completes it makes its
 * candidates current in the same release.
 *
 *   RJ1  Nothing that a step hangs on is read after it was committed: it is all in one release, or nothing happens.
 */
import { Effect } from "effect"
import type { Identity } from "../access/Identity.ts"
import { makeCommitting } from "../commits/Committing.ts"
import type { Committed, Wish } from "../commits/Release.ts"
import { type CommitOptions, MESSAGE } from "../commits/Request.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import type { Change } from "../propagation/Revision.ts"
import { makeBound } from "./Bound.ts"
import { type Connected, EvidenceStore } from "./EvidenceStore.ts"
import type { Rollout } from "./Rollout.ts"
import { RolloutStore } from "./RolloutStore.ts"
import type { Step } from "./Step.ts"
import type { MoveWish } from "./Wish.ts"

const PAGE = 1_000

export interface Move {
  readonly rollout: Rollout
  readonly step: Step
  /** The owner's; null: a person moves it. */
  readonly fence: bigint | null
  readonly identity: Identity
  readonly options: CommitOptions
  /** What an idempotency key stands for, as JSON. */
  readonly request: unknown
}

/** A text of whatever origin, so that it can be kept: at most `most` characters. */
export const kept = (text: string, most: number): string =>
  (text.length > most ? `${text.slice(0, most - 1)}…` : text).toWellFormed().replaceAll("\u0000", "\ufffd")

/** What history and audit say of a step that nobody wrote a message for. */
export const messageOf = ({ key }: Rollout, { to, why }: Step): string =>
  kept(`rollout ${key} is ${to.replace("_", " ")}: ${why.text}`, MESSAGE)

export const makeMoving = Effect.gen(function* () {
  const store = yield* RolloutStore
  const evidence = yield* EvidenceStore
  const commit = yield* makeCommitting

  const boundOf = Effect.fnUntraced(function* ({ environment, targets, plan, salt }: Rollout, stage: number) {
    const bound = makeBound(plan.stages[stage]!, salt)
    let page: ReadonlyArray<Connected> = []
    do {
      page = yield* evidence.population(environment, targets, { limit: PAGE, after: page.at(-1) })
      for (const one of page) bound.add(one)
      yield* Effect.yieldNow
    } while (page.length > 0)
    return bound.fix()
  })

  /** RQ4 */
  const wishesOf = Effect.fnUntraced(function* ({ environment, key, targets }: Rollout) {
    const wishes: Array<Wish> = []
    for (const target of targets) {
      if (target.version === 0) continue
      const stored = yield* store.candidate(environment, key, target)
      if (stored === undefined) {
        return yield* failure("NotFound", `the candidate of ${target.key} in the rollout ${key} is not there any more`)
      }
      wishes.push({ ...JSON.parse(stored), candidate: target.version } as Wish)
    }
    return wishes
  })

  const move = ({ rollout, step, fence, identity, options, request }: Move): Effect.Effect<Committed, HeraldError> => {
    const { environment, key, version } = rollout
    const { begins, ...of } = step
    return commit<Change>({
      action: "rollout",
      identity,
      options,
      request,
      check: Effect.fnUntraced(function* () {
        const below = begins ? (yield* boundOf(rollout, step.stage)).below : null
        const candidates = step.to === "completed" ? yield* wishesOf(rollout) : []
        const wish: MoveWish = {
          kind: "rollout",
          environment,
          key,
          op: "move",
          expectedVersion: version,
          fence,
          below,
          ...of
        }
        return { changes: [wish, ...candidates] } // RJ1
      })
    })
  }
  return move
})
