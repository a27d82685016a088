/** InstanceStore over a `State`. */
import { Clock, Effect, Layer } from "effect"
import { inNameScope } from "../../../src/access/About.ts"
import { Unkeepable } from "../../../src/errors/Unkeepable.ts"
import { type Heard, hear, shown, unheard } from "../../../src/fleet/Facts.ts"
import type {
  Batch,
  DeliveryRow,
  InstanceId,
  InstanceNote,
  InstanceReport,
  KeyFacts,
  Speaker
} from "../../../src/fleet/Instance.ts"
import { InstanceStore, type ListOptions } from "../../../src/fleet/InstanceStore.ts"
import { mayHold } from "../../../src/fleet/Ownership.ts"
import { coveredBy } from "../../../src/keys/Pattern.ts"
import { fenced } from "../leases/LeaseTables.ts"
import { State } from "../State.ts"
import { count } from "./Counts.ts"
import { FleetTables, type HeldInstance } from "./FleetTables.ts"

const idOf = ({ environment, service, instance }: InstanceId) => `${environment}\u0000${service}\u0000${instance}`

/** An answer is never overwritten by "sent"; of two answers the later one counts; of two epochs the present one. */
const merged = (held: DeliveryRow | undefined, row: DeliveryRow, present: string): DeliveryRow => {
  if (held === undefined) return row
  if (held.epoch !== row.epoch) return row.epoch === present ? row : held
  const later = row.state === "sent" ? held.state === "sent" : row.answeredAt >= held.answeredAt
  return later ? { ...row, sentAt: Math.max(held.sentAt, row.sentAt) } : held
}

/** What a row says of its key, as Facts.ts wants it. */
const heardOf = (row: DeliveryRow, life: number): ReadonlyArray<Heard> => {
  const { epoch, revision, version, state, reason, lacks, sentAt, answeredAt } = row
  const fact = { epoch, revision, version, lacks, life }
  const sent: Heard = { ...fact, what: "sent", at: sentAt, reason: "" }
  if (state === "sent") return [sent]
  const answer: Heard = { ...fact, what: state, at: answeredAt, reason }
  return state === "problem" || sentAt === 0 ? [answer] : [sent, answer]
}

/** Whether it has what PostgreSQL can't keep either. BL5 */
const isUnkeepable = ({ instances, deliveries, held, health }: Batch): boolean =>
  [...deliveries, ...health].some(({ revision }) => revision >= 2n ** 63n) ||
  JSON.stringify([instances, deliveries, held, health], (_, value) =>
    typeof value === "bigint" ? String(value) : value
  ).includes("\\u0000")

/** HR1 */
const forgetHealth = (fleet: FleetTables, id: string): void => {
  const said = [...fleet.health.entries()].filter(([, row]) => idOf(row) === id)
  const newest = said.reduce((a, b) => (b[1].reportedAt >= a[1].reportedAt ? b : a), said[0]!)
  const old = said.sort(([, a], [, b]) => (a.revision < b.revision ? 1 : -1)).slice(100)
  for (const [key] of old) if (key !== newest?.[0]) fleet.health.delete(key)
}

const write = (state: State, { instances, deliveries, held, health }: Batch, now: number): ReadonlyArray<string> => {
  const fleet = state.tables(FleetTables)
  for (const note of instances) {
    const next = taking(fleet.instances.get(idOf(note)), note, now)
    if (next !== undefined) fleet.instances.set(idOf(note), { ...next, goneAt: goneAt(next, now) })
  }
  const learn = (speaker: Speaker, key: string, heard: (life: number) => ReadonlyArray<Heard>) => {
    const instance = fleet.instances.get(idOf(speaker))
    if (instance === undefined || instance.session !== speaker.session) return
    const id = `${idOf(speaker)}\u0000${key}`
    for (const one of heard(instance.life)) {
      const known = fleet.facts.get(id)?.registers ?? unheard
      fleet.facts.set(id, { key, of: idOf(speaker), registers: hear(known, one, state.epoch) })
    }
  }
  for (const row of deliveries) {
    const instance = fleet.instances.get(idOf(row))
    if (instance === undefined || (instance.session !== row.session && instance.former !== row.session)) continue
    const id = `${idOf(row)}\u0000${row.key}\u0000${row.revision}`
    fleet.deliveries.set(id, merged(fleet.deliveries.get(id), row, state.epoch))
    learn(row, row.key, (life) => heardOf(row, life))
  }
  for (const { keys, epoch, at, ...speaker } of held)
    for (const { key, revision, version } of keys)
      learn(speaker, key, (life) => [{ what: "applied", epoch, revision, version, at, reason: "", lacks: false, life }])
  for (const { owner, ...row } of health) {
    const known = fleet.health.get(`${idOf(row)}\u0000${row.revision}`)
    const instance = fleet.instances.get(idOf(row))
    if (
      instance !== undefined &&
      mayHold(instance.owner, owner) &&
      (known === undefined || known.reportedAt <= row.reportedAt)
    )
      fleet.health.set(`${idOf(row)}\u0000${row.revision}`, { ...row, epoch: row.epoch || state.epoch })
  }
  for (const id of new Set(health.map(idOf))) forgetHealth(fleet, id)
  return instances.filter((note) => isRefused(fleet.instances.get(idOf(note)), note)).map(({ session }) => session)
}

const list = (state: State, options: ListOptions): ReadonlyArray<InstanceReport> => {
  const { environment, service, instance, after, limit, keys, afterKey = "", key: only, scope } = options
  const fleet = state.tables(FleetTables)
  const facts = (row: HeldInstance): ReadonlyArray<KeyFacts> =>
    [...fleet.facts.values()]
      .filter(({ of, key }) => of === idOf(row) && (only === undefined || key === only) && inNameScope(scope, key))
      .map(({ key, registers }) => ({ key, ...shown(registers, row.emptied, state.epoch) }))
      .sort((a, b) => (a.key < b.key ? -1 : 1))
  const health = (row: HeldInstance) =>
    [...fleet.health.values()]
      .filter((one) => idOf(one) === idOf(row))
      .reduce<InstanceReport["health"]>(
        (newest, one) => (newest === undefined || one.reportedAt >= newest.reportedAt ? one : newest),
        undefined
      )
  const troubled = ({ rejected, problem }: KeyFacts) => rejected !== undefined || problem !== undefined
  return [...fleet.instances.values()]
    .filter((row) => environment === undefined || row.environment === environment)
    .filter((row) => service === undefined || row.service === service)
    .filter((row) => instance === undefined || row.instance === instance)
    .filter((row) => options.connected === undefined || (row.state === "connected") === options.connected)
    .filter((row) => only === undefined || coveredBy(row.patterns, only))
    .filter((row) => options.troubled !== true || facts(row).some(troubled))
    .filter(
      (row) =>
        after === undefined ||
        away(row) > Number(!after.connected) ||
        (away(row) === Number(!after.connected) && idOf(row) > idOf(after))
    )
    .sort((a, b) => away(a) - away(b) || (idOf(a) < idOf(b) ? -1 : 1))
    .slice(0, limit)
    .map((held) => {
      const { former, takenAt, goneAt, life, emptied, ...row } = held
      const known = facts(held)
      const all = known.filter(({ key }) => key > afterKey)
      const rest = all.slice(keys).filter(troubled).slice(0, keys)
      const count = Math.min(1_000, known.filter(troubled).length)
      return { ...row, keys: [...all.slice(0, keys), ...rest], troubled: count, health: health(held) }
    })
}

export const layer = Layer.effect(
  InstanceStore,
  Effect.map(State.service, (state) => {
    const fleet = state.tables(FleetTables)
    return InstanceStore.of({
      write: (batch) =>
        isUnkeepable(batch)
          ? Effect.fail(new Unkeepable({ message: "could not write what clients answered: it can't be kept" }))
          : Effect.map(Clock.currentTimeMillis, (now) => write(state, batch, now)),
      list: (options) => Effect.sync(() => list(state, options)),
      count: (options) => Effect.sync(() => count(fleet, state.epoch, options)),
      nodes: Effect.sync(() =>
        [...fleet.nodes.entries()]
          .map(([run, { node, since, seenAt }]) => {
            const here = [...fleet.instances.values()].filter((row) => runOf(row.session) === run)
            return { node, run, since, seenAt, clients: here.filter(({ state }) => state === "connected").length }
          })
          .sort((a, b) => b.seenAt - a.seenAt || (a.run < b.run ? -1 : 1))
          .slice(0, 100)
      ),
      seen: ({ run, node, timeoutMillis }) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          const before = fleet.nodes.get(run)
          const since = before === undefined || before.seenAt < now - timeoutMillis ? now : before.since
          fleet.nodes.set(run, { node, since, seenAt: now })
          const all = [...fleet.instances.values()]
          const after = (before?.seenAt ?? 0) - LATE
          return {
            taken: all
              .filter((row) => runOf(row.former) === run && runOf(row.session) !== run && row.takenAt > after)
              .map(({ former, owner }) => ({ session: former, owner })),
            doubted: all
              .filter((row) => runOf(row.session) === run && row.ending === "NodeLost")
              .map((row) => row.session)
          }
        }),
      lose: (lease, leaseMillis, timeoutMillis) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          if (!fenced(state, lease, leaseMillis, now)) return undefined
          const { run } = lease
          if ((fleet.nodes.get(run)?.since ?? now) >= now - timeoutMillis) return 0
          const dead = (row: HeldInstance) =>
            row.state === "connected" && (fleet.nodes.get(runOf(row.session))?.seenAt ?? -1) < now - timeoutMillis
          const gone = [...fleet.instances.values()].filter(dead)
          for (const row of gone)
            fleet.instances.set(idOf(row), { ...row, state: "timed_out", ending: "NodeLost", goneAt: now })
          return gone.length
        }),
      elsewhere: ({ environment, run, limit }) =>
        Effect.sync(() =>
          [...fleet.instances.values()]
            .filter((row) => row.environment === environment && row.state === "connected" && runOf(row.session) !== run)
            .slice(0, limit)
            .map(({ service, instance, labels, patterns }) => ({
              client: { environment, service, instance, labels },
              patterns
            }))
        )
    })
  })
)

/** Those that are connected come first. */
const away = ({ state }: HeldInstance) => Number(state !== "connected")

const goneAt = ({ state, goneAt }: HeldInstance, now: number) => (state === "connected" ? undefined : (goneAt ?? now))

/** Milliseconds that a take-over may be committed late. */
const LATE = 10_000
const runOf = (session: string) => session.split("/")[0]!

/** What is held after a note, by the rules of `herald_record`; undefined when the note says nothing new. */
const taking = (held: HeldInstance | undefined, note: InstanceNote, now: number): HeldInstance | undefined => {
  const { opening, empty, ...row } = note
  if (held === undefined)
    return { ...row, former: "", takenAt: now, goneAt: undefined, life: 1, emptied: empty ? 1 : 0 }
  if (row.session === held.session) {
    const fits = held.state === "connected" || held.ending === "NodeLost" || row.state !== "connected"
    return fits ? { ...held, ...row } : undefined
  }
  if (row.session === held.former || !takes(held, row, opening)) return undefined
  const life = held.life + 1
  return { ...row, former: held.session, takenAt: now, goneAt: held.goneAt, life, emptied: empty ? life : held.emptied }
}

/** OW2 */
const isRefused = (held: HeldInstance | undefined, note: InstanceNote) =>
  held?.state === "connected" &&
  note.state === "connected" &&
  held.session !== note.session &&
  !mayHold(held.owner, note.owner)

const takes = (
  held: HeldInstance,
  row: Pick<InstanceNote, "session" | "state" | "owner">,
  opening: boolean
): boolean => {
  if (runOf(row.session) === runOf(held.session)) return numberOf(row.session) > numberOf(held.session)
  if (held.state === "connected") return opening && row.state === "connected" && mayHold(held.owner, row.owner)
  return opening || row.state === "connected"
}
const numberOf = (session: string) => Number(session.split("/")[1] ?? 0)
