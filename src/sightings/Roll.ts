/**
 * Keeps how the instances of this node stand to the active rollouts. Pure state: Gathering.ts writes what it says.
 *
 *   IR1  Only instances that are in the cohort and want a target have an entry, one each, as long as their session; so entries are bounded by
 *        the sessions that have something of a rollout. The others are the control, of whom only counters are kept that gates name.
 *   IR2  What a session says counts for the rollouts that its instance is in, whoever else it names: who is in is `Cohort.ts`'s to say.
 *   IR3  A node has told of a version once it looked at all of its instances since, and each that changed was written.
 *   IR4  What a session says is compared with its own patterns, and with no rollout that changes nothing of what it wants.
 *   IR5  A report is told each time: another node may have been told something else since. What is no news says so, for stores to skip (EE2).
 */
import { type InstanceId, instanceKey } from "../fleet/Instance.ts"
import { patternsOf } from "../keys/Pattern.ts"
import type { Stage } from "../plans/Plan.ts"
import { bucketOf, cameIn, wasTaken } from "../rollouts/Cohort.ts"
import { type Begun, isOver, type Rollout } from "../rollouts/Rollout.ts"
import type { Sighting } from "../rollouts/Sighting.ts"
import { targetName } from "../rollouts/TargetName.ts"
import { type Ending, isGone, isTaken } from "../sessions/Ending.ts"
import { fitted } from "../text/Fitted.ts"
import type { ClientView } from "../updates/Client.ts"
import type { Mark } from "../updates/Update.ts"
import { ByPattern } from "./ByPattern.ts"
import { Counting } from "./Counting.ts"
import type { Report, Seat } from "./Seat.ts"
import { Standing } from "./Standing.ts"

/** Characters. */
const REASON = 200

interface Tracked {
  rollout: Rollout
  /** As sessions name them, in the order of the targets. */
  readonly names: ReadonlyArray<string>
  /** Of each name all patterns that cover it. */
  readonly covering: ReadonlyArray<ReadonlyArray<string>>
  readonly standings: Map<string, Standing>
  readonly counting: Counting
  /** Of this version all instances were looked at. IR3 */
  looked: number
}

const idOf = (environment: string, key: string): string => `${environment}/${key}`

/** The stage by which a client has the change, and since when; undefined: it is not in the cohort. */
const dueOf = (
  rollout: Rollout,
  client: ClientView
): { readonly stage: number; readonly revision: bigint } | undefined => {
  if (rollout.plan.raise === undefined) return cameIn(rollout, client)
  const last = rollout.begun.at(-1)
  return last && { stage: rollout.begun.length - 1, revision: last.revision }
}

export class Roll {
  readonly #tell: (sighting: Sighting) => void
  readonly #all = new Map<string, Tracked>()
  /** By environment and name of a target: the one that the key is in. */
  readonly #byName = new Map<string, Map<string, Tracked>>()
  readonly #byEnvironment = new Map<string, Set<Tracked>>()
  readonly #byPattern = new ByPattern<Tracked>()

  /** `tell`: an instance is otherwise than before. */
  constructor(tell: (sighting: Sighting) => void) {
    this.#tell = tell
  }

  get size(): number {
    return this.#all.size
  }

  /** Instances with an entry. IR1 */
  get entries(): number {
    let sum = 0
    for (const { standings } of this.#all.values()) sum += standings.size
    return sum
  }

  find(environment: string, key: string): Tracked | undefined {
    return this.#all.get(idOf(environment, key))
  }

  all(): Iterable<Tracked> {
    return this.#all.values()
  }

  /** The rollout is like this now. Undefined: it is over. */
  become(rollout: Rollout): Tracked | undefined {
    const { environment, key } = rollout
    const id = idOf(environment, key)
    const known = this.#all.get(id)
    if (isOver(rollout.state)) {
      if (known !== undefined) this.#drop(id, known)
      return undefined
    }
    if (known !== undefined) {
      known.rollout = rollout
      return known
    }
    const names = rollout.targets.map(targetName)
    const counting = new Counting(rollout.plan.gates)
    const covering = names.map(patternsOf)
    const tracked: Tracked = { rollout, names, covering, standings: new Map(), counting, looked: -1 }
    this.#all.set(id, tracked)
    let byName = this.#byName.get(environment)
    if (byName === undefined) this.#byName.set(environment, (byName = new Map()))
    for (const name of names) byName.set(name, tracked)
    let set = this.#byEnvironment.get(environment)
    if (set === undefined) this.#byEnvironment.set(environment, (set = new Set()))
    set.add(tracked)
    this.#byPattern.add(environment, names, tracked)
    return tracked
  }

  /** Those that are not among these are over. */
  keepOnly(active: Iterable<Rollout>): void {
    const kept = new Set<string>()
    for (const { environment, key } of active) kept.add(idOf(environment, key))
    for (const [id, tracked] of [...this.#all]) if (!kept.has(id)) this.#drop(id, tracked)
  }

  /** Looks at an instance that wants a target, with what it was told before. `again`: it is to be told of, whether or not that is news. */
  look(tracked: Tracked, seat: Seat, now: bigint, again = false): void {
    const standing = this.#standing(tracked, seat, now)
    if (standing === undefined) return
    const due = dueOf(tracked.rollout, seat.subscription.client)
    const isOther = due === undefined ? standing.leaves() : standing.due(due.stage, due.revision) // IS4
    if (isOther || again || standing.number === 0) this.#say(tracked, seat, standing)
  }

  came(seat: Seat, now: bigint): void {
    const { client } = seat.subscription
    for (const tracked of this.#wantedBy(seat)) {
      if (dueOf(tracked.rollout, client) !== undefined) this.look(tracked, seat, now)
      else this.#outside(tracked, seat)
    }
  }

  sent(seat: Seat, mark: Mark, now: bigint): void {
    this.#heard(seat, mark, now, (standing, target) => standing.sent(target, now))
  }

  held(seat: Seat, mark: Mark, now: bigint): void {
    this.#heard(seat, mark, now, (standing, target) => standing.applied(target, now))
  }

  answered(seat: Seat, mark: Mark, applied: boolean, reason: string, now: bigint): void {
    this.#heard(seat, mark, now, (standing, target) =>
      applied ? standing.applied(target, now) : standing.rejected(target, fitted(reason, REASON))
    )
  }

  problem(seat: Seat, key: string, revision: bigint, reason: string, now: bigint): void {
    const tracked = this.#of(seat, key)
    const standing = tracked && this.#standing(tracked, seat, now)
    if (standing === undefined || revision < standing.revision) return
    if (standing.rejected(tracked!.names.indexOf(key), fitted(reason, REASON))) this.#say(tracked!, seat, standing)
  }

  /** `here`: the session is this node's. IR2 */
  reported(seat: Pick<Seat, "ref" | "connectedAt" | "subscription">, report: Report, here: boolean): void {
    const { client } = seat.subscription
    const instance = instanceKey(client)
    for (const tracked of this.#wantedBy(seat)) {
      const due = dueOf(tracked.rollout, client)
      if (due === undefined) {
        if (here && tracked.rollout.begun.length > 0) tracked.counting.report(instance, "control", report.metrics)
        continue
      }
      if (report.revision < due.revision) continue
      if (!here) {
        this.#saidElsewhere(tracked, seat, due.stage, report)
        continue
      }
      const standing = tracked.standings.get(instance)
      if (standing?.session !== seat.ref) continue
      if (standing.reported(report.health, report.revision, fitted(report.message, REASON)))
        this.#say(tracked, seat, standing) // IR5
      if (standing.hasApplied) tracked.counting.report(instance, "cohort", report.metrics)
    }
  }

  ended(seat: Seat, ending: Ending, now: bigint): void {
    const { client } = seat.subscription
    const instance = instanceKey(client)
    for (const tracked of this.#byEnvironment.get(client.environment) ?? []) {
      tracked.counting.left(instance)
      const standing = tracked.standings.get(instance)
      if (standing?.session !== seat.ref) continue
      tracked.standings.delete(instance)
      if (isTaken(ending)) continue
      standing.ended(isGone(ending), now)
      this.#say(tracked, seat, standing)
    }
  }

  #of({ subscription: { client } }: Pick<Seat, "subscription">, key: string): Tracked | undefined {
    return this.#byName.get(client.environment)?.get(key)
  }

  /** IR4 */
  #wantedBy({ subscription: { client, patterns } }: Pick<Seat, "subscription">): ReadonlySet<Tracked> {
    return this.#byPattern.of(client.environment, patterns)
  }

  /** IR1 */
  #standing(tracked: Tracked, seat: Seat, now: bigint): Standing | undefined {
    const { client, patterns } = seat.subscription
    const instance = instanceKey(client)
    const known = tracked.standings.get(instance)
    if (known?.session === seat.ref) return known
    const due = dueOf(tracked.rollout, client)
    if (due === undefined) return undefined
    const wanted = new Set(patterns)
    const wants = tracked.covering.map((those) => those.some((pattern) => wanted.has(pattern)))
    const made = new Standing(seat.ref, due.stage, due.revision, wants)
    tracked.standings.set(instance, made)
    tracked.names.forEach((name, target) => {
      const mark = wants[target] === true ? seat.told.get(name) : undefined
      if (mark === undefined || !this.#isIt(tracked, made, mark, target)) return
      if (seat.told.isDone(name)) made.applied(target, now)
      else made.sent(target, now)
    })
    return made
  }

  /** What it was told is the candidate, or what a stage made. */
  #isIt({ rollout }: Tracked, standing: Standing, mark: Mark, target: number): boolean {
    if (mark.kind !== "value") return false
    if (rollout.plan.raise !== undefined) return mark.revision >= standing.revision
    return mark.version === rollout.targets[target]!.version
  }

  #heard(seat: Seat, mark: Mark, now: bigint, hear: (standing: Standing, target: number) => boolean): void {
    const tracked = this.#of(seat, mark.key)
    if (tracked === undefined) return
    const standing = this.#standing(tracked, seat, now)
    if (standing === undefined || standing.isOut) return
    const target = tracked.names.indexOf(mark.key)
    const isNews = this.#isIt(tracked, standing, mark, target) && hear(standing, target)
    if (isNews || standing.number === 0) this.#say(tracked, seat, standing)
  }

  /** It would be in by its name, and lacks the labels: if it had them before, it has left. */
  #outside(tracked: Tracked, seat: Seat): void {
    const { rollout } = tracked
    const { client } = seat.subscription
    const bucket = bucketOf(rollout.salt, client.instance)
    const { stages } = rollout.plan
    const isIn = (one: Begun, { instances }: Stage) =>
      wasTaken(one, bucket, client.instance) && (instances === undefined || instances.includes(client.instance))
    if (!rollout.begun.some((one, at) => isIn(one, stages[at]!))) return
    this.#tell({ ...this.#base(tracked, seat), stage: 0, number: 1, news: 1, is: "left", said: false })
  }

  #saidElsewhere(
    tracked: Tracked,
    seat: Pick<Seat, "ref" | "connectedAt" | "subscription">,
    stage: number,
    { health, message }: Report
  ): void {
    const is = health === "degraded" ? "applied" : health
    const reason = is === "unhealthy" ? fitted(message, REASON) : ""
    this.#tell({ ...this.#base(tracked, seat), stage, number: 0, news: 0, is, said: true, reason })
  }

  #say(tracked: Tracked, seat: Pick<Seat, "ref" | "connectedAt" | "subscription">, standing: Standing): void {
    standing.tell()
    const { stage, number, news, is, said, broke, reason } = standing
    this.#tell({ ...this.#base(tracked, seat), stage, number, news, is, said, broke, reason })
  }

  #base(
    { rollout }: Tracked,
    { ref, connectedAt, subscription: { client } }: Pick<Seat, "ref" | "connectedAt" | "subscription">
  ) {
    const { service, instance }: InstanceId = client
    return {
      environment: rollout.environment,
      rollout: rollout.key,
      service,
      instance,
      session: ref,
      since: connectedAt,
      broke: 0 as const,
      reason: ""
    }
  }

  #drop(id: string, tracked: Tracked): void {
    const { environment } = tracked.rollout
    this.#all.delete(id)
    const byName = this.#byName.get(environment)
    for (const name of tracked.names) if (byName?.get(name) === tracked) byName.delete(name)
    if (byName?.size === 0) this.#byName.delete(environment)
    const set = this.#byEnvironment.get(environment)
    set?.delete(tracked)
    if (set?.size === 0) this.#byEnvironment.delete(environment)
    this.#byPattern.remove(environment, tracked.names, tracked)
  }
}
