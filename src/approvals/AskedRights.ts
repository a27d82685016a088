/** What rights the changes of a release are about, as the doors ask for them. A part of Judging. */
import { Effect } from "effect"
import { aboutOf } from "../access/About.ts"
import type { About } from "../access/Decision.ts"
import type { Release } from "../commits/Release.ts"
import { aboutsOfFlag, type StartWish } from "../experiments/Experiment.ts"
import { EVERY_KEY } from "../keys/Pattern.ts"
import type { RolloutWish } from "../rollouts/Wish.ts"
import { isNew, type ScheduleWish } from "../schedules/Schedule.ts"
import { EVERYTHING, type Touch, type TouchRight } from "./ChangeRequest.ts"
import { nameOfTouch } from "./Touched.ts"

/** What of the store says of which keys a rollout, a schedule or an experiment is that a change ends or moves. */
export interface KnownByAsking<E> {
  readonly rollout: (environment: string, id: string) => Effect.Effect<ReadonlyArray<Touch> | undefined, E>
  readonly schedule: (environment: string, id: string) => Effect.Effect<ReadonlyArray<Touch> | undefined, E>
  readonly flagOf: (environment: string, experiment: string) => Effect.Effect<string | undefined, E>
}

/** What rights the changes of a release are about, as the doors ask for them: also where they end what was begun. AQ13 */
export const rightsOf = Effect.fnUntraced(function* <E>(
  { action, changes }: Pick<Release, "action" | "changes">,
  known: KnownByAsking<E>
) {
  const found = new Map<string, TouchRight>()
  const add = (about: About | undefined) => {
    const right = about === undefined ? EVERYTHING : { kind: about.kind, key: about.key ?? EVERY_KEY }
    found.set(nameOfTouch(right), right)
  }
  const addAll = (touches: ReadonlyArray<Touch> | undefined, kind?: "rollout") => {
    if (touches === undefined) add(undefined)
    for (const touch of touches ?? []) {
      if (kind !== undefined) add({ kind, key: touch.key })
      add(aboutOf(touch.kind, touch.key))
    }
  }
  for (const wish of changes) {
    const { kind, environment, key } = wish
    if (kind === "approval") continue
    if (kind === "schedule") {
      const its = wish as ScheduleWish
      addAll(isNew(its) ? its.touches : yield* known.schedule(environment, key))
    } else if (kind === "rollout") {
      const its = wish as RolloutWish
      // What is ended by force, with a change of its key, asks for that key alone.
      addAll(
        its.op === "start" ? its.candidates : yield* known.rollout(environment, key),
        action === "rollout" ? kind : undefined
      )
    } else if (kind === "experiment") {
      const flag = (wish as Partial<StartWish>).flag ?? (yield* known.flagOf(environment, key))
      if (flag === undefined) add(undefined)
      else for (const about of aboutsOfFlag(flag)) if (action === kind || about.kind === "flag") add(about)
    } else add(aboutOf(kind, key))
  }
  return [...found.values()]
})
