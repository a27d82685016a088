/** EvidenceStore over a `State`: the rules of migration 0034. */
import { Clock, Effect, Layer } from "effect"
import { coveredBy } from "../../../src/keys/Pattern.ts"
import { type Condition, type Counts, conditions, type Evidence, type Tally } from "../../../src/rollouts/Evidence.ts"
import { type EvidenceBatch, EvidenceStore, FRESH, type Sighting } from "../../../src/rollouts/EvidenceStore.ts"
import { isOver } from "../../../src/rollouts/Rollout.ts"
import { targetName } from "../../../src/rollouts/TargetName.ts"
import { FleetTables } from "../fleet/FleetTables.ts"
import { State } from "../State.ts"
import { EvidenceTables, isBad, type Seen } from "./EvidenceTables.ts"
import { RolloutTables } from "./RolloutTables.ts"

const rolloutOf = ({ environment, rollout }: { readonly environment: string; readonly rollout: string }) =>
  `${environment}/${rollout}`
const idOf = (one: Pick<Sighting, "environment" | "rollout" | "service" | "instance">) =>
  `${rolloutOf(one)}\u0000${one.service}\u0000${one.instance}`
const runOf = (session: string) => session.split("/")[0]!
const numberOf = (session: string) => Number(session.split("/")[1] ?? 0)
const inOrder = (a: Pick<Sighting, "service" | "instance">, b: Pick<Sighting, "service" | "instance">) =>
  a.service === b.service ? (a.instance < b.instance ? -1 : 1) : a.service < b.service ? -1 : 1

type Verdict = "take" | "early" | undefined

/** EE2 */
const judge = (
  sighting: Sighting,
  held: Seen,
  present: { readonly session: string; readonly former: string } | undefined
): Verdict => {
  if (sighting.number === 0) {
    if (sighting.session !== held.session) return "early"
    if (held.is === sighting.is) return undefined
    if (held.is === "applied" || held.is === "healthy" || held.is === "unhealthy") return "take"
    if (held.is === "delivered" && sighting.is === "unhealthy") return "take"
    return held.is === "offered" || held.is === "delivered" ? "early" : undefined
  }
  const take = (does: boolean): Verdict => (does ? "take" : undefined)
  if (sighting.session === held.session) return take(sighting.number > held.number)
  if (runOf(sighting.session) === runOf(held.session)) return take(numberOf(sighting.session) > numberOf(held.session))
  if (present?.session === sighting.session) return "take"
  if (present?.former === sighting.session) return undefined
  if (present !== undefined) return "early"
  return take(sighting.since > held.since || (sighting.since === held.since && sighting.session > held.session))
}

const first = (sighting: Sighting, now: number): Seen => {
  const { is, broke } = sighting
  const waits = is === "offered" || is === "delivered" || is === "gone"
  return { ...sighting, breaks: broke, bads: isBad(is) ? 1 : 0, waitsSince: waits ? now : undefined, at: now }
}

/** EE7 */
const stays = ({ is, said, stage }: Sighting, held: Seen): boolean => {
  if (held.is !== "unhealthy" && held.is !== "rejected") return false
  if (is === "gone" || is === "left") return true
  if (stage > held.stage || said) return false
  return is === "offered" || is === "delivered" || (is === "applied" && held.is === "unhealthy")
}

/** EE2. Undefined: it says again what is known. */
const next = (sighting: Sighting, held: Seen, now: number): Seen | undefined => {
  const isKept = stays(sighting, held)
  const is = isKept ? held.is : sighting.is
  const sameSession = sighting.session === held.session
  const breaks = sighting.broke > (sameSession ? held.broke : 0)
  const worse = breaks || (is !== held.is && isBad(is))
  const elsewhere = sighting.number === 0
  const stage = elsewhere || isKept ? held.stage : sighting.stage
  const reason = isKept ? held.reason : sighting.reason
  const isKnown = elsewhere || held.number >= sighting.news
  const isSame = sameSession && is === held.is && !breaks && stage === held.stage && reason === held.reason
  if (isKnown && isSame) return undefined
  return {
    ...sighting,
    number: elsewhere ? held.number : sighting.number,
    stage,
    is,
    reason,
    broke: sameSession && held.broke > sighting.broke ? held.broke : sighting.broke,
    breaks: held.breaks + (breaks ? 1 : 0),
    bads: held.bads + (worse ? 1 : 0),
    waitsSince:
      is === "offered" || is === "delivered" ? (held.waitsSince ?? now) : is === "gone" ? held.waitsSince : undefined,
    at: is === held.is && sameSession ? held.at : now
  }
}

export const layer = Layer.effect(
  EvidenceStore,
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const state = yield* State.service
    const tables = state.tables(EvidenceTables)
    const rollouts = state.tables(RolloutTables)
    const fleet = state.tables(FleetTables)
    const now = () => clock.currentTimeMillisUnsafe()

    const activeOf = (one: { readonly environment: string; readonly rollout: string }) => {
      const rollout = rollouts.rows.get(rolloutOf(one))
      return rollout === undefined || isOver(rollout.state) ? undefined : rollout
    }

    const write = ({ run, timeoutMillis, sightings, counted, seen, all }: EvidenceBatch): ReadonlyArray<string> => {
      const early = new Set<string>()
      const newest = new Map<string, Sighting>()
      for (const sighting of sightings) if (activeOf(sighting) !== undefined) newest.set(idOf(sighting), sighting)
      const wrote = new Set<string>()
      for (const [id, sighting] of newest) {
        const held = tables.instances.get(id)
        const { environment, service, instance, session, number } = sighting
        const present = fleet.instances.get(`${environment}\u0000${service}\u0000${instance}`)
        // Until somebody is known to have the instance, another session may still take the place of this one.
        if (present === undefined && number > 0 && sighting.is !== "left") early.add(session)
        if (held === undefined) {
          if (sighting.is === "left" && number <= 1) continue
          if (number === 0 || (present !== undefined && present.session !== session)) {
            if (sighting.is !== "left" && present?.former !== session) early.add(session)
            continue
          }
        }
        const verdict = held === undefined ? "take" : judge(sighting, held, present)
        if (verdict === "early") early.add(sighting.session)
        if (verdict !== "take") continue
        const row = held === undefined ? first(sighting, now()) : next(sighting, held, now())
        if (row === undefined) continue
        tables.instances.set(id, row)
        wrote.add(`${rolloutOf(row)}/${runOf(row.session)}`)
        tables.told(environment, sighting.rollout, runOf(row.session))
        const marks = rollouts.marks.get(rolloutOf(sighting))
        if (marks !== undefined && row.bads > (held?.bads ?? 0) && row.bads <= 10) marks.bad++ // EE5
      }
      for (const id of wrote) tables.nodes.get(id)!.writes++
      for (const one of counted) {
        if (activeOf(one) === undefined) continue
        const { side, metric, total } = one
        const rollout = rolloutOf(one)
        const id = `${rollout}/${run}/${side}/${metric}`
        const held = tables.metrics.get(id)
        if (held === undefined) tables.metrics.set(id, { rollout, run, side, metric, total })
        else held.total = Math.max(held.total, total)
      }
      for (const one of [...seen, ...counted.map((one) => ({ ...one, version: 0 }))]) {
        if (activeOf(one) === undefined) continue
        const told = tables.told(one.environment, one.rollout, run)
        told.version = Math.max(told.version, one.version)
        told.timeoutMillis = timeoutMillis
        told.writes++
      }
      if (all) tables.runs.set(run, now()) // EE6
      return [...early]
    }

    const superseded = (run: string): boolean => {
      const its = fleet.nodes.get(run)!
      return [...fleet.nodes].some(([other, one]) => other !== run && one.node === its.node && one.since > its.seenAt)
    }

    /** Since when a run is dead; undefined: it is not. EE3 */
    const deadSince = (run: string, timeoutMillis: number): number | undefined => {
      const its = fleet.nodes.get(run)
      if (its === undefined) return Number.NEGATIVE_INFINITY
      const left = tables.left.get(run)
      if (left !== undefined) return left
      if (superseded(run)) return its.seenAt
      const since = now() - timeoutMillis
      const judged = [...fleet.nodes.values()].some((one) => one.seenAt >= since && one.since < since)
      return its.seenAt < since && judged ? its.seenAt : undefined
    }

    const read = (
      environment: string,
      key: string,
      { lostAfterMillis, crashes, slow }: Parameters<EvidenceStore["Service"]["read"]>[2]
    ): Evidence | undefined => {
      const rollout = activeOf({ environment, rollout: key })
      if (rollout === undefined) return undefined
      const id = `${environment}/${key}`
      const told = [...tables.nodes.values()].filter((one) => rolloutOf(one) === id)
      const dead = new Map(
        told.flatMap(({ run, timeoutMillis }) => {
          const since = deadSince(run, timeoutMillis)
          return since === undefined ? [] : [[run, since] as const]
        })
      )
      const rows = [...tables.instances.values()].filter((one) => rolloutOf(one) === id)
      const counts = Object.fromEntries(conditions.map((is) => [is, 0])) as Record<Condition, number>
      let lost = 0
      const at = now()
      for (const { is, session, at: since, breaks } of rows) {
        const died = dead.get(runOf(session))
        const had = is === "delivered" || is === "applied" || is === "healthy"
        counts[died === undefined ? is : had ? "gone" : is === "offered" ? "left" : is]++
        if (died !== undefined && had) lost += died < at - lostAfterMillis ? 1 : 0
        else if ((is === "gone" && since < at - lostAfterMillis) || breaks >= crashes) lost++
      }
      const slowly: Counts["slow"] = Object.fromEntries(
        slow.map((millis) => [
          String(millis),
          rows.filter(
            ({ is, session, waitsSince = at }) =>
              (is === "offered" || is === "delivered") && waitsSince < at - millis && !dead.has(runOf(session))
          ).length
        ])
      )
      const timeoutMillis = told.length === 0 ? 90_000 : Math.max(...told.map((one) => one.timeoutMillis))
      const complete = [...fleet.nodes].every(
        ([run]) =>
          deadSince(run, timeoutMillis) !== undefined ||
          ((tables.runs.get(run) ?? 0) >= at - FRESH &&
            told.some((one) => one.run === run && one.version >= rollout.version))
      )
      const examples = rows
        .filter(
          ({ is, at: since, breaks }) =>
            is === "unhealthy" ||
            is === "rejected" ||
            breaks >= crashes ||
            (is === "gone" && since < at - lostAfterMillis)
        )
        .sort((a, b) => a.at - b.at || inOrder(a, b))
        .slice(0, 5)
        .map(({ service, instance, is, reason }) => ({
          service,
          instance,
          is: is === "unhealthy" || is === "rejected" ? is : ("lost" as const),
          reason
        }))
      const metrics: Record<string, Tally> = {}
      for (const { rollout: of, side, metric, total } of tables.metrics.values()) {
        if (of !== id) continue
        const tally = metrics[metric] ?? { cohort: 0, control: 0 }
        metrics[metric] = { ...tally, [side]: tally[side as keyof Tally] + total }
      }
      const bad = rollouts.marks.get(id)?.bad ?? 0n
      return { now: at, counts: { ...counts, lost, slow: slowly }, complete, bad, examples, metrics }
    }

    return EvidenceStore.of({
      write: (batch) => Effect.sync(() => write(batch)),
      read: (environment, rollout, options) => Effect.sync(() => read(environment, rollout, options)),
      changed: Effect.sync(() => {
        const changed = new Map<string, bigint>()
        for (const told of tables.nodes.values()) {
          const { run, timeoutMillis, writes } = told
          const its = fleet.nodes.get(run)
          const isDead = its === undefined || tables.left.has(run) || its.seenAt < now() - timeoutMillis
          changed.set(rolloutOf(told), (changed.get(rolloutOf(told)) ?? 0n) + writes * 1024n + (isDead ? 1n : 0n))
        }
        return changed
      }),
      instances: (environment, rollout, { limit, after, is }) =>
        Effect.sync(() =>
          [...tables.instances.values()]
            .filter((one) => one.environment === environment && one.rollout === rollout)
            .filter((one) => (after === undefined || inOrder(after, one) < 0) && (is === undefined || one.is === is))
            .filter((one) => one.service !== after?.service || one.instance !== after.instance)
            .sort(inOrder)
            .slice(0, limit)
            .map(({ breaks, bads, waitsSince, said, news, ...one }) => one)
        ),
      population: (environment, targets, { limit, after }) =>
        Effect.sync(() =>
          [...fleet.instances.values()]
            .filter((one) => one.environment === environment && one.state === "connected")
            .filter(({ patterns }) => targets.some((target) => coveredBy(patterns, targetName(target))))
            .filter((one) => after === undefined || inOrder(after, one) < 0)
            .filter((one) => one.service !== after?.service || one.instance !== after.instance)
            .sort(inOrder)
            .slice(0, limit)
            .map(({ service, instance, labels }) => ({ service, instance, labels }))
        ),
      leave: (run) => Effect.sync(() => void tables.left.set(run, now())),
      sweep: (limit) =>
        Effect.sync(() => {
          let went = 0
          const over = (one: { readonly environment: string; readonly rollout: string }) => activeOf(one) === undefined
          for (const [id, row] of tables.instances)
            if (went < limit && over(row)) went += Number(tables.instances.delete(id))
          if (went >= limit) return went
          for (const [id, { rollout }] of tables.metrics) {
            const its = rollouts.rows.get(rollout)
            if (its === undefined || isOver(its.state)) went += Number(tables.metrics.delete(id))
          }
          for (const [id, told] of tables.nodes) if (over(told)) went += Number(tables.nodes.delete(id))
          return went
        })
    })
  })
)
