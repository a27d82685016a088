/** What the changes of a release are of: for bases, and by the kinds that rights and protections are given for. Pure. */
import type { Wish } from "../commits/Release.ts"
import { VARIABLES_KEY } from "../keys/Key.ts"
import type { RolloutWish } from "../rollouts/Wish.ts"
import { isNew, type ScheduleWish } from "../schedules/Schedule.ts"
import type { Base, Touch } from "./ChangeRequest.ts"
import type { Touched } from "./Protection.ts"

const named = ({ kind, key }: Touch): string => `${kind}/${key}`
export const nameOfTouch = named

/** Things that a change is of; of what has no name before it is written, what it is about. */
export const touchesOf = (changes: ReadonlyArray<Wish>): ReadonlyArray<Touch> => {
  const found = new Map<string, Touch>()
  const add = ({ kind, key }: Touch) => found.set(named({ kind, key }), { kind, key })
  for (const wish of changes) {
    if (wish.kind === "approval") continue
    if (wish.key !== "") add(wish)
    if (wish.kind === "schedule") {
      const its = wish as ScheduleWish
      if (isNew(its)) for (const touch of its.touches) add(touch)
    } else if (wish.kind === "rollout") {
      const its = wish as RolloutWish
      if (its.op === "start") for (const candidate of its.candidates) add(candidate)
    }
  }
  return [...found.values()]
}

/** As `herald_touched` has it, but for what only the store knows. `key` undefined: about all of that kind. */
export const touchedOf = ({ kind, key }: Touch): ReadonlyArray<Touched> => {
  switch (kind) {
    case "configuration":
      return [{ kind: "config", key: key === VARIABLES_KEY ? undefined : key }]
    case "flag":
    case "segment":
    case "experiment":
      return [{ kind, key }]
    case "flag_settings":
      return [{ kind: "flag", key: undefined }]
    default:
      return []
  }
}

export const sameBases = (a: ReadonlyArray<Base>, b: ReadonlyArray<Base>): Base | undefined =>
  b.find((now) => a.find((was) => named(was) === named(now))?.revision !== now.revision)
