/** InstanceStore over a `State`. */
import { Effect, Layer } from "effect"
import { type DeliveryRow, type InstanceId, InstanceStore } from "../../src/sessions/InstanceStore.ts"
import type { State } from "./State.ts"

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
      Effect.sync(() => {
        for (const row of instances) {
          const held = state.instances.get(idOf(row))
          if (held === undefined || held.lastSeen <= row.lastSeen) state.instances.set(idOf(row), row)
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
          .sort((a, b) => (idOf(a) < idOf(b) ? -1 : 1))
          .slice(0, limit)
          .map((row) => ({
            ...row,
            deliveries: newestOfEachKey([...state.deliveries.values()].filter((one) => idOf(one) === idOf(row))),
            health: [...state.health.values()]
              .filter((one) => idOf(one) === idOf(row))
              .reduce<ReturnType<typeof state.health.get>>(
                (newest, one) => (newest === undefined || one.reportedAt >= newest.reportedAt ? one : newest),
                undefined
              )
          }))
      )
  })

const newestOfEachKey = (rows: ReadonlyArray<DeliveryRow>): ReadonlyArray<DeliveryRow> => {
  const newest = new Map<string, DeliveryRow>()
  for (const row of rows) {
    const other = newest.get(row.key)
    if (other === undefined || row.revision >= other.revision) newest.set(row.key, row)
  }
  return [...newest.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
}
