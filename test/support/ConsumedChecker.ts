/**
 * Judges what consumers of one subscription lived through, and what effects of its events there are. Pure.
 *
 *   HQ1  Every event of the log is done, or a dead letter because its consumer said so; nothing is given that the log does not have.
 *   HQ2  Where keys keep their order, an event is given only once all before it of its key were done or rejected: however often it comes.
 *   HQ3  A dead letter is there once, and only of what was rejected.
 *   HQ4  What the subscription has kept as done comes no more, whatever happens afterwards.
 *   HQ5  An effect that is said to be once is there once for each event, in the order of its key.
 */
import type { At, Log } from "./TopicChecker.ts"

export type Took =
  /** A consumer begins with it. */
  | { readonly what: "given"; readonly at: At; readonly key: string; readonly value: string }
  /** It is about to say so. */
  | { readonly what: "done" | "rejected"; readonly at: At }
  /** The subscription says that all that there is so far is kept as done. */
  | { readonly what: "kept" }

export type Wrong = "lost" | "foreign" | "reordered" | "dead-letter-lost" | "dead-letter-twice" | "came-again"

export interface Broken {
  readonly anomaly: Wrong | "effect-twice" | "effect-lost" | "effect-reordered"
  readonly why: string
}

const placeOf = ({ partition, epoch, offset }: At) => `${partition}:${epoch}:${offset}`

/** Of each key its places in order, and how many of them from the first on are over. */
class Keys {
  readonly #places = new Map<string, Array<string>>()
  readonly #over = new Map<string, number>()

  add(key: string, place: string): void {
    const places = this.#places.get(key) ?? []
    this.#places.set(key, places)
    places.push(place)
  }

  /** The first that is not over; undefined: all are. */
  first(key: string, over: ReadonlySet<string>): string | undefined {
    const places = this.#places.get(key) ?? []
    let count = this.#over.get(key) ?? 0
    while (count < places.length && over.has(places[count]!)) count++
    this.#over.set(key, count)
    return places[count]
  }
}

/** What was given, beyond once for each event. */
export const repeatsOf = (history: ReadonlyArray<Took>): number => {
  const given = history.filter((one) => one.what === "given")
  return given.length - new Set(given.map(({ at }) => placeOf(at))).size
}

/** `log` in the order of its offsets, with a key for each value. `dead`: places of dead letters in their topic. */
export const checkConsumed = (
  history: ReadonlyArray<Took>,
  log: Log,
  keyOf: (value: string) => string | undefined,
  { ordered, dead }: { readonly ordered: boolean; readonly dead: ReadonlyArray<string> }
): ReadonlyArray<Broken> => {
  const found: Array<Broken> = []
  const say = (anomaly: Wrong, why: string) => void found.push({ anomaly, why })
  const values = new Map(log.map(({ at, value }) => [placeOf(at), value]))
  const keys = new Keys()
  for (const { at, value } of log) keys.add(keyOf(value) ?? "", placeOf(at))
  const [done, rejected, over] = [new Set<string>(), new Set<string>(), new Set<string>()]
  let kept: ReadonlySet<string> = new Set()
  for (const one of history) {
    if (one.what === "kept") {
      kept = new Set(over)
      continue
    }
    const place = placeOf(one.at)
    if (one.what !== "given") {
      ;(one.what === "done" ? done : rejected).add(place)
      over.add(place)
      continue
    }
    if (values.get(place) !== one.value)
      say("foreign", `${place} was given as ${one.value}, and is ${values.get(place)}`)
    if (kept.has(place)) say("came-again", `${place} was kept as done, and came again`)
    if (!ordered || one.key === "") continue
    const first = keys.first(one.key, over)
    const [, , offset] = first?.split(":") ?? []
    if (offset !== undefined && Number(offset) < one.at.offset && !over.has(place))
      say("reordered", `${place} of ${one.key} was given before ${first} was done`)
  }
  for (const [place, value] of values)
    if (!over.has(place)) say("lost", `${value} at ${place} was neither done nor rejected`)
  for (const place of rejected)
    if (!dead.includes(place) && !done.has(place))
      say("dead-letter-lost", `${place} was rejected, and is no dead letter`)
  for (const [n, place] of dead.entries()) {
    if (!rejected.has(place)) say("foreign", `${place} is a dead letter that nobody rejected`)
    if (dead.indexOf(place) !== n) say("dead-letter-twice", place)
  }
  return found
}

/** `effects`: names of events in the order in which they were committed. HQ5 */
export const checkEffects = (
  effects: ReadonlyArray<string>,
  log: Log,
  keyOf: (value: string) => string | undefined
): ReadonlyArray<Broken> => {
  const found: Array<Broken> = []
  const happened = new Set<string>()
  const ranks = new Map(log.map(({ value }, n) => [value, n]))
  const last = new Map<string, string>()
  for (const value of effects) {
    const key = keyOf(value) ?? ""
    const before = last.get(key)
    if (happened.has(value)) found.push({ anomaly: "effect-twice", why: value })
    else if (before !== undefined && ranks.get(before)! > (ranks.get(value) ?? Number.NaN))
      found.push({ anomaly: "effect-reordered", why: `${value} had its effect after ${before}` })
    happened.add(value)
    last.set(key, value)
  }
  for (const { value } of log) if (!happened.has(value)) found.push({ anomaly: "effect-lost", why: value })
  return found
}
