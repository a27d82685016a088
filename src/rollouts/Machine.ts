/**
 * Decides what becomes of a rollout, from what is known of it and from nothing else. Pure.
 *
 *   MV1  A gate that is bad takes it back, while it is deployed, baked and paused.
 *   MV2  What is missing promotes nothing: evidence that can't be read or that a node still owes, a gate that does not answer, an empty cohort, too
 *        few that have applied it. Missing for longer than the plan's patience, it pauses.
 *   MV3  It goes on at the end of a bake, when every gate that decides is good then, with the evidence that was decided on: under the lock
 *        nothing became bad since.
 *   MV4  A time is over when the store's clock says so, and the owner's own clock for what it saw of the wait itself: a clock that jumps makes
 *        nothing happen early.
 *   MV5  A stage that takes longer than its deadline pauses, or is taken back, as planned.
 *   MV6  Where a person has to promote it, and after a last stage that does not reach everybody, it pauses and says so.
 */

import { closedAt, type Freeze } from "../plans/Windows.ts"
import { shareText, spanText } from "../text/Amounts.ts"
import { isEverybody } from "./Bound.ts"
import type { Evidence, Reading } from "./Evidence.ts"
import { appliedOf, cohortOf } from "./Gates.ts"
import { isOver, type Rollout, type Why } from "./Rollout.ts"
import { beginning, type Step, stageName } from "./Step.ts"

export interface Known {
  /** Undefined: it can't be read. */
  readonly evidence: Evidence | undefined
  /** Of each gate of the plan, in its order. */
  readonly readings: ReadonlyArray<Reading>
  /** Of its environment; undefined: they can't be read, so nothing begins. */
  readonly freezes: ReadonlyArray<Freeze> | undefined
}

export interface Clocks {
  /** The store's, milliseconds since 1970. */
  readonly now: number
  /** Milliseconds until `Rollout.until`, by the owner's own clock since it saw the transition. */
  readonly left: number
  /** Milliseconds for which what has to be there was missing, without a break, by the owner's own clock. */
  readonly missing: number
}

export type Decision =
  | { readonly type: "move"; readonly step: Step }
  /** `millis`: when to look again at the latest, though nothing is heard; Infinity: only then. `missing`: whether that is what it waits for. */
  | { readonly type: "wait"; readonly millis: number; readonly why: string; readonly missing: boolean }
  | { readonly type: "over" }

const wait = (millis: number, why: string, missing = false): Decision => ({ type: "wait", millis, why, missing })

const move = (step: Step): Decision => ({ type: "move", step })

/** Milliseconds until both clocks say that `Rollout.until` is over; ≤ 0: it is. MV4 */
const untilOver = ({ until }: Rollout, { now, left }: Clocks): number => Math.max(left, (until ?? now) - now)

/** What would have to be there, and is not, as a text. MV2 */
const missingOf = ({ plan }: Rollout, { evidence, readings }: Known): string | undefined => {
  if (evidence === undefined) return "what is known of the instances can't be read"
  if (!evidence.complete) return "not every node has told of its instances yet"
  const silent = readings.find(
    ({ verdict, dryRun }, place) =>
      verdict === "unknown" && !dryRun && ["prometheus", "webhook"].includes(plan.gates[place]!.type)
  )
  return silent && `${silent.gate}: ${silent.text}`
}

/** Why too few have applied it, as a text. */
const tooFew = ({ plan }: Rollout, evidence: Evidence): string | undefined => {
  const cohort = cohortOf(evidence.counts)
  // Contexts are evaluated elsewhere, too: those who are connected have to have the flag, if there are any.
  if (cohort === 0) return plan.raise === undefined ? "no instance of the cohort is connected" : undefined
  const applied = appliedOf(evidence.counts)
  if (applied >= plan.applied * cohort) return undefined
  return `${applied} of ${cohort} have applied it (${shareText(applied / cohort)}), and ${shareText(plan.applied)} have to`
}

const firstOf = ({ examples }: Evidence): string => {
  const said = examples.map(
    ({ instance, is, reason }) => `${instance} ${is === "gone" ? "is gone" : is}${reason === "" ? "" : ` (${reason})`}`
  )
  return said.length === 0 ? "" : `; ${said.join(", ")}`
}

export const decide = (rollout: Rollout, known: Known, clocks: Clocks): Decision => {
  const { state, stage, plan } = rollout
  const { evidence, readings, freezes } = known
  if (isOver(state)) return { type: "over" }

  const whyOf = (text: string): Why => ({ text, counts: evidence?.counts, readings })
  const stays = { stage, begins: false, lasts: null, due: false, bad: null }
  const pause = (text: string, given: Partial<Step> = {}) =>
    move({ ...stays, to: "paused", why: whyOf(text), ...given })
  const back = (text: string, given: Partial<Step> = {}) =>
    move({ ...stays, to: "rolled_back", why: whyOf(text), ...given })
  const closed = closedAt(plan.windows, freezes, clocks.now)
  const over = untilOver(rollout, clocks)

  if (state === "scheduled") {
    if (over > 0) return wait(over, `it begins at ${new Date(rollout.until!).toISOString()}`)
    if (closed !== undefined) return wait(closed.millis, closed.text) // WJ1
    return move(beginning(plan, 0, whyOf(`${stageName(plan, 0)} begins`), { due: true, bad: null }))
  }

  const bad = stage < 0 ? undefined : readings.find(({ verdict, dryRun }) => verdict === "bad" && !dryRun)
  if (bad !== undefined) return back(`${bad.gate}: ${bad.text}${evidence === undefined ? "" : firstOf(evidence)}`) // MV1
  if (state === "paused") return wait(Number.POSITIVE_INFINITY, "it is paused")

  const missing = missingOf(rollout, known)
  const patience = plan.patienceMillis - clocks.missing
  if (missing !== undefined && patience <= 0) return pause(`${missing}, for longer than the plan has patience`) // MV2
  const few = evidence === undefined ? undefined : tooFew(rollout, evidence)

  if (state === "deploying") {
    if (missing === undefined && few === undefined) {
      const text = `enough of ${stageName(plan, stage)} have applied it`
      return move({
        ...stays,
        to: "baking",
        lasts: plan.stages[stage]!.bakeMillis,
        bad: evidence!.bad,
        why: whyOf(text)
      })
    }
    const why = missing ?? few!
    const given = { due: true }
    if (over <= 0)
      return plan.late === "pause"
        ? pause(`${late(plan.deadlineMillis)}: ${why}`, given)
        : back(`${late(plan.deadlineMillis)}: ${why}`, given) // MV5
    return wait(missing === undefined ? over : Math.min(over, patience), why, missing !== undefined)
  }

  if (over > 0)
    return wait(missing === undefined ? over : Math.min(over, patience), missing ?? "it bakes", missing !== undefined)
  const open = readings.find(({ verdict, dryRun }) => verdict !== "good" && !dryRun)
  const why = missing ?? few ?? (open && `${open.gate}: ${open.text}`)
  if (why !== undefined) {
    const left = over + plan.patienceMillis
    if (left <= 0) return pause(`nobody knows whether it is good: ${why}`, { due: true }) // MV2
    return wait(missing === undefined ? left : Math.min(left, patience), why, missing !== undefined)
  }
  const seen = { due: true, bad: evidence!.bad } // MV3
  const last = stage + 1 === plan.stages.length
  if (plan.stages[stage]!.approval) return pause(`${stageName(plan, stage)} is good; a person has to promote it`, seen) // MV6
  if (last && !isEverybody(plan.stages[stage]!))
    return pause(`${stageName(plan, stage)} is good, and was the last; promote gives it to everyone`, seen) // MV6
  if (closed !== undefined) return wait(closed.millis, closed.text) // WJ1
  if (last)
    return move({
      ...stays,
      ...seen,
      to: "completed",
      why: whyOf("every stage was good: it is the current version now")
    })
  return move(
    beginning(plan, stage + 1, whyOf(`${stageName(plan, stage)} was good; ${stageName(plan, stage + 1)} begins`), seen)
  )
}

const late = (millis: number): string => `the stage took longer than ${spanText(millis)}`
