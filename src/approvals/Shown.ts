/**
 * What an approver is shown of what is asked for: all of it. Pure.
 *
 *   AQ11 Each field of a change is shown beside what it was: as the text, in the text, or by its name. Only what follows from the text is left out, and has
 *        to be named here, so that a field that comes later is shown.
 */
import type { Wish } from "../commits/Release.ts"
import type { RolloutWish, StartWish } from "../rollouts/Wish.ts"
import { isNew, type NewWish, type ScheduleWish } from "../schedules/Schedule.ts"
import { canonical } from "../values/Canonical.ts"
import { type Body, bodyIn } from "./Body.ts"
import type { Base } from "./ChangeRequest.ts"
import type { Done, Held } from "./Held.ts"
import { nameOfTouch } from "./Touched.ts"

/** Texts as JSON; null: there is, or was, none. */
export interface Setting {
  readonly name: string
  readonly before: string | null
  readonly after: string | null
}

/** `before` null: it was not there; `after` null: it goes away. Of what is no text with versions they are JSON. */
export interface Shown {
  readonly kind: string
  readonly key: string
  readonly before: string | null
  readonly after: string | null
  /** What else it says, each by its name; of JSON nothing, as it is in there. */
  readonly settings: ReadonlyArray<Setting>
}

export interface Asked extends Pick<Body, "epoch"> {
  readonly changes: ReadonlyArray<Shown>
  /** What the changes stand on and do not change, where it was. */
  readonly standsOn: ReadonlyArray<Base>
  /** JSON of what it was checked against; null: nothing else. */
  readonly basis: string | null
}

interface Text {
  /** The field that is the text. */
  readonly text: string
  /** Fields that follow from it. */
  readonly follows: ReadonlyArray<string>
}
const definition = (...more: ReadonlyArray<string>): Text => ({
  text: "definition",
  follows: ["digest", "bytes", "uses", "list", ...more]
})
const texts: Readonly<Record<string, Text>> = {
  configuration: { text: "value", follows: ["digest"] },
  flag: definition("enabled", "percentage", "targetUsers", "variants", "prerequisites"),
  segment: definition(),
  flag_settings: definition()
}
const NAMES: ReadonlyArray<string> = ["kind", "environment", "key"]

const jsonOf = (value: unknown): string =>
  canonical(JSON.parse(JSON.stringify(value, (_, one) => (typeof one === "bigint" ? String(one) : one))))

/** What it holds that is JSON itself, so that it can be read. */
const opened = (wish: Wish): object => {
  if (wish.kind === "schedule" && isNew(wish as ScheduleWish))
    return { ...wish, body: JSON.parse((wish as NewWish).body) as unknown }
  if (wish.kind !== "rollout" || (wish as RolloutWish).op !== "start") return wish
  const candidates = (wish as StartWish).candidates.map((one) =>
    one.wish === "" ? one : { ...one, wish: JSON.parse(one.wish) as unknown }
  )
  return { ...wish, candidates }
}

const shownOf = (wish: Wish, before: string | undefined): Shown => {
  const { kind, key } = wish
  const was = before === undefined ? undefined : (JSON.parse(before) as Readonly<Record<string, unknown>>)
  const gone = was === undefined || was["deleted"] === true
  const its = Object.hasOwn(texts, kind) ? texts[kind] : undefined
  if (its === undefined)
    return { kind, key, before: gone ? null : jsonOf(was), after: jsonOf(opened(wish)), settings: [] }
  const { text, follows } = its
  const said = wish as unknown as Readonly<Record<string, unknown>>
  const settings = Object.entries(said).flatMap(([name, value]) => {
    if (value === undefined || name === text || NAMES.includes(name) || follows.includes(name)) return []
    const old = gone ? undefined : was[name]
    return [{ name, before: old === undefined ? null : jsonOf(old), after: jsonOf(value) }]
  })
  return { kind, key, before: gone ? null : (was[text] as string), after: said[text] as string | null, settings }
}

/** What says when and by whom it was written, which the review says itself. */
const WRITTEN: ReadonlyArray<string> = [
  ...[...NAMES, "revision", "version", "deleted", "createdAt", "updatedAt", "updatedBy", "message", "changeLog"],
  ...["expectedVersion", "candidate", "rollout"]
]

type Fields = Readonly<Record<string, unknown>>

const shownOfDone = ({ kind, key, before, after }: Done): Shown => {
  const [was, is] = [before === null ? undefined : (JSON.parse(before) as Fields), JSON.parse(after) as Fields]
  const gone = was === undefined || was["deleted"] === true
  const its = Object.hasOwn(texts, kind) ? texts[kind] : undefined
  if (its === undefined) return { kind, key, before: gone ? null : jsonOf(was), after: jsonOf(is), settings: [] }
  const { text, follows } = its
  const ends = is["deleted"] === true
  const settings = Object.entries(ends ? {} : is).flatMap(([name, value]) => {
    if (name === text || WRITTEN.includes(name) || follows.includes(name)) return []
    const [old, now] = [gone || was[name] === undefined ? null : jsonOf(was[name]), jsonOf(value)]
    return old === now ? [] : [{ name, before: old, after: now }]
  })
  const number = Number(is["version"] ?? 1) - 1
  if (was === undefined && number > 0)
    settings.push({ name: `version ${number}`, before: null, after: '"is no longer kept"' })
  return { kind, key, before: gone ? null : (was[text] as string), after: ends ? null : (is[text] as string), settings }
}

/** AQ18 */
export const doneBy = (done: ReadonlyArray<Done>): ReadonlyArray<Shown> => done.map(shownOfDone)

/** Of a review, what was done. */
export const askedBy = ({ body, before, request, done }: Pick<Held, "body" | "before" | "request" | "done">): Asked => {
  if (body === "") return { epoch: "", changes: doneBy(done), standsOn: [], basis: null }
  const { epoch, bases, changes, basis } = bodyIn(body)
  const touched = new Set(request.touches.map(nameOfTouch))
  return {
    epoch,
    changes: changes.map((wish) => shownOf(wish, before[nameOfTouch(wish)])),
    standsOn: bases.filter((base) => !touched.has(nameOfTouch(base))),
    basis: basis === undefined ? null : jsonOf(basis)
  }
}
