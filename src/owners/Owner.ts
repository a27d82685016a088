/**
 * Decides for one rollout, on the node whose turn it is, until it is over: looks at what is known, asks the machine, commits.
 *
 *   OG1  What it commits is committed in place of what it was decided on, and by whom the store fenced last (RQ1); when that is refused, it looks
 *        again. So a second owner, a late one and one that was frozen change nothing that the first did not.
 *   OG2  It keeps nothing that the next owner needs. What it has seen of a wait itself only makes it later.
 *   OG3  It looks when there is evidence, when the rollout moved, when a gate says something else, and after `LOOK` at the latest: time alone makes
 *        instances lost and slow.
 *   OG4  Without the store it waits, says that the node goes on without decisions, and is there when the store is.
 *   OG5  What can't be committed for another reason pauses, and says why.
 */
import { Clock, Effect, Metric, Queue } from "effect"
import { Conflict } from "../commits/Conflict.ts"
import { toldToAll } from "../commits/Unseen.ts"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Freeze } from "../plans/Windows.ts"
import type { Evidence } from "../rollouts/Evidence.ts"
import { EvidenceStore } from "../rollouts/EvidenceStore.ts"
import { askedOf, readingsOf } from "../rollouts/Gates.ts"
import { type Decision, decide } from "../rollouts/Machine.ts"
import { Policies } from "../rollouts/Policies.ts"
import { rate } from "../rollouts/Rates.ts"
import { isOver, type Rollout, wordOf } from "../rollouts/Rollout.ts"
import { RolloutStore } from "../rollouts/RolloutStore.ts"
import { RolloutView } from "../rollouts/RolloutView.ts"
import type { Step } from "../rollouts/Step.ts"
import { notice } from "../telemetry/Degraded.ts"
import { saidOf } from "../telemetry/Every.ts"
import { makeAsking } from "./Asking.ts"
import { decisionSeconds, rolledBackSeconds } from "./Measured.ts"
import { makePeople } from "./People.ts"
import { Probe } from "./Probe.ts"
import { makeTransition } from "./Transition.ts"

/** Milliseconds between two looks when nothing is heard: the clock of the store may jump. */
const LOOK = 5_000
/** The same while somebody is gone, slow or owed: time alone changes what is known. */
const HURRIED = 1_000
/** Milliseconds until another try when the store did not answer. */
const AGAIN = 500
/** Milliseconds at most, while what it commits is refused. */
const REFUSED = 5_000

/** What others tell an owner of. */
export class Owning {
  readonly woken = Queue.sliding<void>(1).pipe(Effect.runSync)
  /** What it knows may be of another history of the database. */
  anew = false
  /** Milliseconds of the monotonic clock since which what it needs is missing. */
  missingSince: number | undefined

  wake(): void {
    Queue.offerUnsafe(this.woken, undefined)
  }
}

const badOf = ({ counts: { unhealthy, rejected, lost } }: Evidence): number => unhealthy + rejected + lost

export const makeOwner = Effect.gen(function* () {
  const store = yield* RolloutStore
  const view = yield* RolloutView
  const evidences = yield* EvidenceStore
  const probe = yield* Probe
  const people = yield* makePeople
  const policies = yield* Policies
  const transition = yield* makeTransition
  const clock = yield* Clock.Clock
  const away = yield* notice("rollouts", {
    source: "decisions",
    began: "nothing can be decided on rollouts",
    ended: "rollouts are decided on again"
  })
  const monotonic = () => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)

  const own = Effect.fnUntraced(function* (environment: string, key: string, owning: Owning) {
    let known: Rollout | undefined
    let fence: bigint | undefined
    /** The store's clock, when it was heard last. */
    let told = { now: clock.currentTimeMillisUnsafe(), at: monotonic() }
    /** Of the newest version: when it was seen, and how long was left then. */
    let seen = { version: 0, at: 0, left: 0 }
    let counts: Evidence["counts"] | undefined
    let badSince: number | undefined
    let refusals = 0
    const asking = yield* makeAsking(
      probe,
      people,
      () => known && { rollout: known, counts },
      () => owning.wake()
    )
    const hear = (now: number) => {
      told = { now, at: monotonic() }
    }
    const storeNow = () => told.now + monotonic() - told.at

    /** The newest version that this node has heard of, or the store's. */
    const newest = Effect.fnUntraced(function* () {
      if (owning.anew) {
        owning.anew = false
        known = undefined
        fence = undefined
      }
      const shown = view.find(environment, key)
      if (known === undefined || shown === undefined) known = yield* store.find(environment, key)
      else if (shown.version > known.version) known = shown
      return known
    })

    /** What is new of a version that was not seen before. OG2 */
    const meet = Effect.fnUntraced(function* (rollout: Rollout) {
      if (seen.version === rollout.version) return
      const { version, until, state } = rollout
      const first = seen.version === 0
      seen = { version, at: monotonic(), left: (until ?? 0) - storeNow() }
      owning.missingSince = undefined
      refusals = 0
      if (state === "deploying" || (first && state !== "scheduled")) yield* asking.anew(rollout)
    })

    const read = ({ plan }: Rollout) =>
      evidences.read(environment, key, askedOf(plan)).pipe(
        Effect.tap((found) =>
          Effect.andThen(
            Effect.sync(() => found && hear(found.now)),
            away.works
          )
        ),
        Effect.catch((error) => Effect.as(fails(error), undefined)) // MV2
      )

    /** Undefined: they can't be read, so nothing begins. */
    const freezesOf = policies.of(environment).pipe(
      Effect.map(({ policy }): ReadonlyArray<Freeze> | undefined => policy.freezes),
      Effect.catch((error) => Effect.as(Effect.logDebug("what is frozen was not read", saidOf(error)), undefined))
    )

    const fails = (error: HeraldError) =>
      Effect.andThen(
        Effect.logDebug("an owner of a rollout met the store", { environment, rollout: key, ...saidOf(error) }),
        error.unanswered || !error.refused ? away.fails(error.message) : Effect.void
      )

    const commit = Effect.fnUntraced(function* (rollout: Rollout, step: Step, holds: bigint) {
      const { became, at } = yield* transition(rollout, step, holds)
      hear(at)
      known = became
      if (step.to === "rolled_back" && badSince !== undefined)
        yield* Metric.update(rolledBackSeconds, (monotonic() - badSince) / 1_000)
      return 0
    })

    /** OG1, OG5. Returns in how many milliseconds to look again. */
    const refused = Effect.fnUntraced(function* (
      rollout: Rollout,
      step: Step,
      holds: bigint,
      error: HeraldError
    ): Effect.fn.Return<number, HeraldError> {
      known = undefined
      const line = { environment, rollout: key, state: step.to, ...saidOf(error) }
      if (!(error instanceof Conflict)) {
        const now = yield* store.find(environment, key)
        if (now === undefined || isOver(now.state) || now.version !== rollout.version) return 0
        if (step.to !== "paused") {
          const told = toldToAll(error).message // AQ24
          if (told !== error.message) yield* Effect.logWarning("a rollout can't be moved, and is paused", line)
          const text = `it can't be ${step.begins ? "taken to its next stage" : wordOf(step.to)}: ${told} (${error.code})`
          const pause: Step = {
            ...step,
            to: "paused",
            stage: rollout.stage,
            begins: false,
            lasts: null,
            due: false,
            bad: null,
            why: { ...step.why, text }
          }
          return yield* commit(rollout, pause, holds)
        }
        yield* Effect.logError("a rollout can't be moved", line)
      } else yield* Effect.logDebug("a step of a rollout was overtaken", line)
      // Somebody else may have it: twice in a row, it is claimed again.
      if (++refusals === 1) return 0
      fence = undefined
      return Math.min(REFUSED, AGAIN * refusals)
    })

    const hurries = ({ plan, state }: Rollout, found: Evidence | undefined): boolean => {
      if (state === "scheduled") return false
      if (found === undefined || !found.complete) return true
      const { gone, lost, offered, delivered } = found.counts
      return gone > 0 || lost > 0 || (offered + delivered > 0 && askedOf(plan).slow.length > 0)
    }

    const note = (decision: Decision, found: Evidence | undefined) => {
      const missing = decision.type === "wait" && decision.missing
      owning.missingSince = missing ? (owning.missingSince ?? monotonic()) : undefined
      badSince = found === undefined ? badSince : badOf(found) > 0 ? (badSince ?? monotonic()) : undefined
    }

    /** One look. Returns in how many milliseconds there is to be another at the latest; undefined: it is over. */
    const look = Effect.gen(function* () {
      const began = monotonic()
      const rollout = yield* newest()
      if (rollout === undefined || isOver(rollout.state)) return undefined
      if (fence === undefined) {
        const claimed = yield* store.claim(environment, key)
        if (claimed === undefined) {
          known = undefined
          return AGAIN
        }
        fence = claimed.fence
        hear(claimed.now)
      }
      const found = yield* read(rollout)
      counts = found?.counts
      yield* meet(rollout)
      const readings = readingsOf(rollout.plan, found, { rate, external: asking.last })
      const decision = decide(
        rollout,
        { evidence: found, readings, freezes: yield* freezesOf },
        {
          now: storeNow(),
          left: seen.left - (monotonic() - seen.at),
          missing: owning.missingSince === undefined ? 0 : monotonic() - owning.missingSince
        }
      )
      note(decision, found)
      yield* Metric.update(decisionSeconds, (monotonic() - began) / 1_000)
      if (decision.type === "over") return undefined
      if (decision.type === "wait") return Math.min(decision.millis, hurries(rollout, found) ? HURRIED : LOOK)
      const holds = fence
      return yield* commit(rollout, decision.step, holds).pipe(
        Effect.catchIf(
          (error) => error.refused && !error.unanswered,
          (error) => refused(rollout, decision.step, holds, error)
        )
      )
    })

    let millis: number | undefined = 0
    while (millis !== undefined) {
      millis = yield* look.pipe(
        Effect.catch((error) => {
          known = undefined
          return Effect.as(fails(error), AGAIN) // OG4
        })
      )
      if (millis !== undefined && millis > 0)
        yield* Effect.raceFirst(Effect.sleep(Math.ceil(millis)), Queue.take(owning.woken)) // OG3
    }
  }, Effect.scoped)

  return { own, away, monotonic }
})
