/** InstanceStore over a `State`. */
import { Clock, Effect, Layer } from "effect"
import {
  type DeliveryRow,
  type InstanceId,
  type InstanceNote,
  InstanceStore
} from "../../src/sessions/InstanceStore.ts"
import { fenced } from "./Leases.ts"
import type { HeldInstance, State } from "./State.ts"

const idOf = ({ environment, service, instance }: InstanceId) => `${environment}\u0000${service}\u0000${instance}`

/** An answer is never overwritten by "sent"; of two answers the later one counts. */
const merged = (held: DeliveryRow | undefined, row: DeliveryRow): DeliveryRow => {
  if (held === undefined) return row
  const later = row.state === "sent" ? held.state === "sent" : row.answeredAt >= held.answeredAt
  return later ? { ...row, sentAt: Math.max(held.sentAt, row.sentAt) } : held
}

export const layerFleet = (state: State) =>
  Layer.succeed(InstanceStore, {
    write: ({ instances, deliveries, health }) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        for (const note of instances) {
          const next = taking(state.instances.get(idOf(note)), note, now)
          if (next !== undefined) state.instances.set(idOf(note), next)
        }
        for (const row of deliveries) {
          const id = `${idOf(row)}\u0000${row.key}\u0000${row.revision}`
          state.deliveries.set(id, merged(state.deliveries.get(id), row))
        }
        for (const row of health) {
          const held = state.health.get(`${idOf(row)}\u0000${row.revision}`)
          if (held === undefined || held.reportedAt <= row.reportedAt) {
            state.health.set(`${idOf(row)}\u0000${row.revision}`, row)
          }
        }
      }),
    list: ({ environment, service, limit }) =>
      Effect.sync(() =>
        [...state.instances.values()]
          .filter((row) => environment === undefined || row.environment === environment)
          .filter((row) => service === undefined || row.service === service)
          .sort((a, b) => away(a) - away(b) || (idOf(a) < idOf(b) ? -1 : 1))
          .slice(0, limit)
          .map(({ former, takenAt, ...row }) => ({
            ...row,
            deliveries: newestOfEachKey([...state.deliveries.values()].filter((one) => idOf(one) === idOf(row))),
            health: [...state.health.values()]
              .filter((one) => idOf(one) === idOf(row))
              .reduce<ReturnType<typeof state.health.get>>(
                (newest, one) => (newest === undefined || one.reportedAt >= newest.reportedAt ? one : newest),
                undefined
              )
          }))
      ),
    seen: ({ run, timeoutMillis }) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const before = state.nodes.get(run)
        const since = before === undefined || before.seenAt < now - timeoutMillis ? now : before.since
        state.nodes.set(run, { since, seenAt: now })
        const all = [...state.instances.values()]
        const after = (before?.seenAt ?? 0) - LATE
        return {
          taken: all
            .filter((row) => runOf(row.former) === run && runOf(row.session) !== run && row.takenAt > after)
            .map(({ former }) => former),
          doubted: all
            .filter((row) => runOf(row.session) === run && row.ending === "NodeLost")
            .map((row) => row.session)
        }
      }),
    lose: (lease, leaseMillis, timeoutMillis) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        if (!fenced(state, lease, leaseMillis, now)) return undefined
        const { run } = lease
        if ((state.nodes.get(run)?.since ?? now) >= now - timeoutMillis) return 0
        const dead = (row: HeldInstance) =>
          row.state === "connected" && (state.nodes.get(runOf(row.session))?.seenAt ?? -1) < now - timeoutMillis
        const gone = [...state.instances.values()].filter(dead)
        for (const row of gone) state.instances.set(idOf(row), { ...row, state: "timed_out", ending: "NodeLost" })
        return gone.length
      }),
    elsewhere: ({ environment, run, limit }) =>
      Effect.sync(() =>
        [...state.instances.values()]
          .filter((row) => row.environment === environment && row.state === "connected" && runOf(row.session) !== run)
          .slice(0, limit)
          .map(({ service, instance, labels, patterns }) => ({
            client: { environment, service, instance, labels },
            patterns
          }))
      )
  })

/** Those that are connected come first. */
const away = ({ state }: HeldInstance) => Number(state !== "connected")

/** Milliseconds that a take-over may be committed late. */
const LATE = 10_000
const runOf = (session: string) => session.split("/")[0]!

/** What is held after a note, or undefined when the note says nothing new: the rules of `herald_record`. */
const taking = (held: HeldInstance | undefined, note: InstanceNote, now: number): HeldInstance | undefined => {
  const { opening, ...row } = note
  if (held === undefined) return { ...row, former: "", takenAt: now }
  if (row.session === held.session) {
    const fits = held.state === "connected" || held.ending === "NodeLost" || row.state !== "connected"
    return fits ? { ...held, ...row } : undefined
  }
  if (row.session === held.former) return undefined
  const takes = held.state === "connected" ? opening && row.state === "connected" : opening || row.state === "connected"
  return takes ? { ...row, former: held.session, takenAt: now } : undefined
}

const newestOfEachKey = (rows: ReadonlyArray<DeliveryRow>): ReadonlyArray<DeliveryRow> => {
  const newest = new Map<string, DeliveryRow>()
  for (const row of rows) {
    const other = newest.get(row.key)
    if (other === undefined || row.revision >= other.revision) newest.set(row.key, row)
  }
  return [...newest.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
}
