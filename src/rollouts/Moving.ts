/**
 * Commits a step of a rollout, for its owner and for people: how far a stage goes is fixed by who is connected then, and what completes it makes its
 * candidates current in the same release. Where a variant's share is raised, each stage makes a version of its flag, and taking back the one of before.
 *
 *   RJ2  What is known is kept as far as it fits: no length of what others say keeps a rollout from being taken back.
 *   RJ1  Nothing that a step hangs on is read after it was committed: it is all in one release, or nothing happens.
 */
import { Effect } from "effect"
import { CurrentIdentity, type Identity } from "../access/Identity.ts"
import { makeCommitting } from "../commits/Committing.ts"
import type { Committed, Wish } from "../commits/Release.ts"
import { type CommitOptions, MESSAGE } from "../commits/Request.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { Flags } from "../flags/Flags.ts"
import { limits } from "../plans/Plan.ts"
import type { Change } from "../propagation/Revision.ts"
import { makeBound } from "./Bound.ts"
import { takenBy } from "./Cohort.ts"
import { type Connected, EvidenceStore } from "./EvidenceStore.ts"
import { raised } from "./Raise.ts"
import { type Rollout, type Why, wordOf } from "./Rollout.ts"
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

/** What history and audit say of a step: what was done, and why, with the words of whoever asked for it. */
const messageOf = ({ key }: Rollout, { to, why }: Step): string =>
  kept(`rollout ${key} is ${wordOf(to)}: ${why.text}`, MESSAGE)

/** Characters of each text that others may have written, where all of them don't fit. */
const SHORT = 100
/** Characters of the reason. */
const REASON = 4_000

const bytesOf = (why: Why): number => Buffer.byteLength(JSON.stringify(why))

/** RJ2 */
const fitted = (why: Why): Why => {
  const all = { ...why, text: kept(why.text, REASON) }
  if (bytesOf(all) <= limits.why) return all
  return {
    ...all,
    readings: all.readings.map((one) => ({ ...one, gate: kept(one.gate, SHORT), text: kept(one.text, SHORT) }))
  }
}

export const makeMoving = Effect.gen(function* () {
  const store = yield* RolloutStore
  const evidence = yield* EvidenceStore
  const flags = yield* Flags
  const commit = yield* makeCommitting

  const boundOf = Effect.fnUntraced(function* ({ environment, targets, plan, salt, begun }: Rollout, stage: number) {
    const bound = makeBound(plan.stages[stage]!, salt, takenBy(begun))
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

  /** What the step makes of the flag whose variant is raised. QR2 */
  const raisedBy = Effect.fnUntraced(function* (rollout: Rollout, { to, begins, stage }: Step) {
    const { environment, key: id, plan, targets, salt, begun } = rollout
    if (plan.raise === undefined || targets.length === 0) return []
    const back = (to === "rolled_back" || to === "aborted") && begun.length > 0
    const given = begins ? plan.stages[stage]!.share : { percent: 100 }
    if (!begins && to !== "completed" && !back) return []
    // What was current when it was begun: a stage's version is the base of those that follow.
    const [first] = yield* store.history(environment, id, { limit: 1, after: 0 })
    const { key, base } = (first ?? rollout).targets[0]!
    const before = yield* flags.version(environment, key, base)
    const share = "percent" in given ? given.percent / 100 : 1
    const made = back ? before : raised(before.definition, plan.raise.variant, share, salt)
    if ("problem" in made)
      return yield* failure("InvalidInput", `the flag ${key} of the rollout ${id} can't be raised: ${made.problem}`)
    const { check } = yield* flags.beside([{ environment, key, definition: made.definition }])
    return yield* check
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
        const bound = begins ? yield* boundOf(rollout, step.stage) : undefined
        const candidates = step.to === "completed" ? yield* wishesOf(rollout) : []
        const raise = yield* Effect.provideService(raisedBy(rollout, step), CurrentIdentity, identity)
        const wish: MoveWish = {
          kind: "rollout",
          environment,
          key,
          op: "move",
          expectedVersion: version,
          fence,
          below: bound?.below ?? null,
          ...(bound === undefined || bound.also.length === 0 ? {} : { also: bound.also }),
          ...of,
          why: fitted(step.why) // RJ2
        }
        return { changes: [wish, ...candidates, ...raise], message: messageOf(rollout, step) } // RJ1
      })
    })
  }
  return move
})
