/** What the changes of a release are of, and what hangs on them or they on it: for bases, and by the kinds that rights and protections are given for. Pure. */
import { Result } from "effect"
import type { Wish } from "../commits/Release.ts"
import { isTemplate } from "../configuration/Template.ts"
import type { ConfigurationWish } from "../configuration/Wish.ts"
import { ANY, readDefinition, usesOf } from "../evaluation/ReadDefinition.ts"
import type { ExperimentWish } from "../experiments/Experiment.ts"
import { kindOf } from "../flags/FlagDraft.ts"
import { SETTINGS_KEY } from "../flags/FlagSettings.ts"
import { readSegment } from "../flags/Segment.ts"
import { VARIABLES_KEY } from "../keys/Key.ts"
import type { RolloutWish } from "../rollouts/Wish.ts"
import { draftsOf } from "../schedules/Body.ts"
import { isNew, type NewWish, type ScheduleWish } from "../schedules/Schedule.ts"
import type { Touch } from "./ChangeRequest.ts"
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

/**
 * By the kinds that rights are given for. `key` undefined: about all of that kind. Of experiments and rollouts it is the key that they are on. A kind that
 * nobody taught here touches everything, as herald_touched says too: nothing is left without protection because it is new. AQ1
 */
export const touchedOf = ({ kind, key }: Touch): ReadonlyArray<Touched> => {
  switch (kind) {
    case "configuration":
      return [{ kind: "config", key: key === VARIABLES_KEY ? undefined : key }]
    case "flag":
    case "segment":
    case "rollout":
      return [{ kind, key }]
    case "experiment":
      return [{ kind, key: key === "" ? undefined : key }]
    case "flag_settings":
      return [{ kind: "flag", key: undefined }]
    // What these change is looked at by itself, and a protection is protected by its own rule (AQ7).
    case "schedule":
    case "protection":
    case "approval":
      return []
    default:
      return [{ kind: "*", key: undefined }]
  }
}

/** What of the store says what a change is of that does not say it itself. */
export interface Known {
  /** Of a rollout that there is. */
  readonly rollout: (environment: string, id: string) => { readonly targets: ReadonlyArray<Touch> } | undefined
  /** Of an experiment's newest start. */
  readonly flagOf: (environment: string, experiment: string) => string | undefined
}

/** What a change is of when it is done, as herald_touched has it: nothing is changed by a schedule that ends. */
export const namedBy = (wish: Wish, { rollout, flagOf }: Known): ReadonlyArray<Touch> => {
  const { kind, environment, key } = wish
  if (kind === "schedule") {
    const its = wish as ScheduleWish
    return isNew(its) ? its.touches : []
  }
  if (kind === "experiment") {
    const flag = (wish as ExperimentWish & { readonly flag?: string }).flag ?? flagOf(environment, key)
    return [{ kind, key: flag ?? "" }] // of no flag that is known: of each
  }
  if (kind !== "rollout") return [{ kind, key }]
  const its = wish as RolloutWish
  const targets = its.op === "start" ? its.candidates : (rollout(environment, key)?.targets ?? [])
  return targets.flatMap((target) => [
    { kind, key: target.key },
    { kind: target.kind, key: target.key }
  ])
}

/** These, and all that is reached from them, each once; true: of these. Circles end. */
export const reached = (
  from: ReadonlyArray<Touch>,
  next: (touch: Touch) => Iterable<Touch>
): Iterable<readonly [touch: Touch, named: boolean]> => {
  const found = new Map<string, readonly [Touch, boolean]>()
  for (const touch of from) found.set(named(touch), [touch, true])
  // What is added while it is gone through is gone through, too.
  for (const [touch] of found.values())
    for (const other of next(touch)) if (!found.has(named(other))) found.set(named(other), [other, false])
  return found.values()
}

/** What it stands on that is no text of its own: segments that a flag or a segment names, flags that it needs. */
export interface Standing {
  readonly kind: string
  readonly uses?: ReadonlyArray<string> | undefined
  readonly prerequisites?: ReadonlyArray<{ readonly flag: string }> | undefined
}

const VARIABLES: Touch = { kind: "configuration", key: VARIABLES_KEY }
const FLAG_SETTINGS: Touch = { kind: "flag_settings", key: SETTINGS_KEY }

export const standsOn = ({ uses = [], prerequisites = [] }: Omit<Standing, "kind">): ReadonlyArray<Touch> => [
  ...uses.map((key) => ({ kind: "segment", key })),
  ...prerequisites.map(({ flag }) => ({ kind: "flag", key: flag }))
]

/** What a definition stands on that was not checked yet. */
const standsOnBy = (kind: string, definition: string | null): ReadonlyArray<Touch> => {
  if (definition === null) return []
  if (kind === "segment") {
    const read = readSegment(definition)
    return Result.isSuccess(read) ? standsOn(read.success) : []
  }
  const read = readDefinition(definition, ANY)
  return Result.isSuccess(read)
    ? standsOn({ uses: usesOf(read.success), prerequisites: read.success.prerequisites })
    : []
}

/**
 * What the changes of a release name of what they will stand on: variables of templates, segments, flags that are needed, and what an environment says of
 * its flags. The store knows what these stand on. AQ4
 */
export const standingOf = (changes: ReadonlyArray<Wish>): ReadonlyArray<Touch> => {
  const found = new Map<string, Touch>()
  const add = (touch: Touch) => found.set(named(touch), touch)
  const look = (wish: Pick<Wish, "kind">): void => {
    const { kind } = wish
    if (kind === "configuration") {
      if ((wish as Partial<ConfigurationWish>).template === true) add(VARIABLES)
    } else if (kind === "flag" || kind === "segment") {
      for (const one of [...standsOn(wish as Standing), FLAG_SETTINGS]) add(one)
    } else if (kind === "rollout") {
      const its = wish as RolloutWish
      // What it is of, its wish does not say: templates render variables, flags the settings.
      if (its.op !== "start") for (const one of [VARIABLES, FLAG_SETTINGS]) add(one)
      else for (const { kind: of, wish: text } of its.candidates) look(text === "" ? { kind: of } : JSON.parse(text))
    } else if (kind === "schedule" && isNew(wish as ScheduleWish)) {
      const { changes: drafts, flags } = draftsOf((wish as NewWish).body, "", {})
      if (drafts.some(({ value, type }) => value !== null && isTemplate(value, type))) add(VARIABLES)
      for (const draft of flags) {
        const its = kindOf(draft)
        if (its !== "flag_settings") for (const one of [...standsOnBy(its, draft.definition), FLAG_SETTINGS]) add(one)
      }
    }
  }
  for (const wish of changes) look(wish)
  for (const touch of touchesOf(changes)) found.delete(named(touch))
  return [...found.values()]
}
