/**
 * Sums up how many clients of each service have which version of each key, from a page of instances that the store counted. Pure.
 *
 *   SU1  Each client of a key is counted once: it has the wanted revision or a later one, refused it, can't be sent it, or is yet to answer.
 *        Only connected clients count.
 *   SU2  What is shown is bounded in services by the page, and in keys of each service: first those with trouble, then the rest, in order.
 *   SU3  A key costs what subscribes to it, however many others ask for other keys; services come one at a time, so other work gets its turn.
 */
import { patternsOf } from "../keys/Pattern.ts"
import { covers, type Position, positionKey } from "../propagation/Position.ts"
import { anybody, type ClientView } from "../updates/Client.ts"
import type { Mark } from "../updates/Update.ts"
import type { Counted, Has, InstanceId } from "./Instance.ts"

export interface Versions extends Has {
  readonly clients: number
}

export interface KeySummary {
  readonly key: string
  /** Undefined when the key was deleted or never existed. */
  readonly desired: Has | undefined
  /** Connected clients that subscribe to it. SU1 */
  readonly clients: number
  readonly applied: number
  readonly rejected: number
  /** Clients to which it can't be sent. */
  readonly problem: number
  readonly pending: number
  /** What they run, the most frequent first, at most 20. */
  readonly versions: ReadonlyArray<Versions>
}

export interface ServiceSummary {
  readonly environment: string
  readonly service: string
  /** Instances that are connected, and those that are not. */
  readonly connected: number
  readonly away: number
  readonly keys: ReadonlyArray<KeySummary>
  /** Some keys are left out. SU2 */
  readonly more: boolean
}

export interface Summary {
  readonly services: ReadonlyArray<ServiceSummary>
  /** The instance after which the next page begins. */
  readonly next: InstanceId | undefined
}

/** Keys of a service. SU2 */
export const KEYS = 200
/** Versions of a key. */
const VERSIONS = 20

interface OfService {
  readonly environment: string
  readonly service: string
}
const idOf = ({ environment, service }: OfService): string => `${environment}\u0000${service}`
const grouped = <Row extends OfService>(rows: ReadonlyArray<Row>) => Map.groupBy(rows, idOf)

/** The newest of a key, deleted or not. */
export type Standing = (client: ClientView, key: string) => Mark | undefined
/** Keys that the patterns cover: at most one more than `most`, which shows that there are more. `more`: not all were looked at. */
export type Covered = (
  environment: string,
  patterns: ReadonlyArray<string>,
  most: number
) => { readonly keys: ReadonlyArray<string>; readonly more: boolean }

export interface SummaryOf {
  readonly key?: string | undefined
  /** The position of `key` that counts as applied, instead of the newest. */
  readonly wanted?: Position | undefined
}

type Group = Counted["patterns"][number]

/** How many clients subscribe to a key. SU3 */
const subscribers = (groups: ReadonlyArray<Group>): ((key: string) => number) => {
  const byPattern = new Map<string, { readonly groups: Array<Group>; clients: number }>()
  for (const group of groups)
    for (const pattern of new Set(group.patterns)) {
      const its = byPattern.get(pattern)
      if (its === undefined) byPattern.set(pattern, { groups: [group], clients: group.clients })
      else {
        its.groups.push(group)
        its.clients += group.clients
      }
    }
  return (key) => {
    const covering = patternsOf(key).flatMap((pattern) => byPattern.get(pattern) ?? [])
    if (covering.length < 2) return covering[0]?.clients ?? 0
    const once = new Set(covering.flatMap((one) => one.groups))
    return once.values().reduce((sum, { clients }) => sum + clients, 0)
  }
}

/** Patterns of a service whose keys are looked for: its clients may have 256 each. */
const PATTERNS = 10_000

const distinct = (groups: ReadonlyArray<Group>): ReadonlyArray<string> => {
  const found = new Set<string>()
  for (const { patterns } of groups)
    for (const pattern of patterns) {
      if (found.size > PATTERNS) return [...found]
      found.add(pattern)
    }
  return [...found]
}

/** Those of the page, one at a time. SU3 */
export function* servicesOf(
  counted: Counted,
  standing: Standing,
  covered: Covered,
  { key, wanted }: SummaryOf
): Generator<ServiceSummary, void> {
  const [patterns, facts] = [grouped(counted.patterns), grouped(counted.keys)]
  for (const one of counted.services) {
    const { environment } = one
    const groups = patterns.get(idOf(one)) ?? []
    const known = Map.groupBy(facts.get(idOf(one)) ?? [], (fact) => fact.key)
    const all = key === undefined ? distinct(groups) : []
    const asked = key === undefined ? covered(environment, all.slice(0, PATTERNS), KEYS) : { keys: [key], more: false }
    const names = key === undefined ? new Set([...known.keys(), ...asked.keys]) : asked.keys
    const clientsOf = subscribers(groups)
    const keys: Array<KeySummary> = []
    for (const name of names) {
      const clients = clientsOf(name)
      if (clients === 0) continue
      const mark = standing(anybody(environment), name)
      const target = wanted ?? (mark === undefined ? undefined : { epoch: mark.epoch, revision: mark.revision })
      const count = { applied: 0, rejected: 0, problem: 0 }
      const versions = new Map<string, Versions>()
      for (const fact of known.get(name) ?? []) {
        const reaches = (at: Position | undefined) => at !== undefined && (target === undefined || covers(at, target))
        const what = (["applied", "rejected", "problem"] as const).find((one) => reaches(fact[one]))
        if (what !== undefined) count[what] += fact.clients // SU1
        if (fact.applied === undefined) continue
        const id = positionKey(fact.applied)
        versions.set(id, { ...fact.applied, clients: (versions.get(id)?.clients ?? 0) + fact.clients })
      }
      keys.push({
        key: name,
        desired:
          mark?.kind === "value" ? { version: mark.version, revision: mark.revision, epoch: mark.epoch } : undefined,
        clients,
        ...count,
        pending: Math.max(0, clients - count.applied - count.rejected - count.problem),
        versions: [...versions.values()].sort((a, b) => b.clients - a.clients).slice(0, VERSIONS)
      })
    }
    const trouble = (one: KeySummary) => Math.sign(one.rejected + one.problem)
    keys.sort((a, b) => trouble(b) - trouble(a) || (a.key < b.key ? -1 : 1))
    yield { ...one, keys: keys.slice(0, KEYS), more: asked.more || all.length > PATTERNS || keys.length > KEYS } // SU2
  }
}
