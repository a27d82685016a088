/** Dead letters that wait for their topics, over a `State`: the rules of migration 0037. */
import { Clock, Effect, Layer } from "effect"
import { LetterBox, type Numbered } from "../../../src/subscriptions/LetterBox.ts"
import { fenced } from "../leases/LeaseTables.ts"
import { State } from "../State.ts"
import { type LetterRow, SubscriptionTables } from "./SubscriptionTables.ts"

const waits = ({ isPosted, refused }: LetterRow): boolean => !isPosted && refused === ""

/** Whether the other one has that place, or a later one of its partition. */
const isBehind = ({ target, partition, sequence }: Numbered, other: Numbered | null): boolean =>
  other?.target === target && other.partition === partition && other.sequence >= sequence

export const layer = Layer.effect(
  LetterBox,
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const state = yield* State.service
    const tables = state.tables(SubscriptionTables)
    const all = (): ReadonlyArray<LetterRow> => [...tables.all.values()].flatMap(({ letters }) => [...letters.values()])
    return LetterBox.of({
      bundles: (after, limit) =>
        Effect.sync(() => {
          const first = Number(after.subscriptionId)
          const rows = [...tables.all].filter(([id]) => Number(id) >= first)
          rows.sort(([a], [b]) => Number(a) - Number(b))
          return rows
            .flatMap(([subscriptionId, { subscription, letters }]) => {
              const { topicName, subscriptionName } = subscription
              const topics = new Set([...letters.values()].flatMap((row) => (waits(row) ? [row.topic] : [])))
              return [...topics].sort().map((topic) => ({ subscriptionId, topicName, subscriptionName, topic }))
            })
            .filter(({ subscriptionId, topic }) => Number(subscriptionId) > first || topic > after.topic)
            .slice(0, limit)
        }),
      waiting: ({ subscriptionId, topic }, { limit, maxBytes }) =>
        Effect.sync(() => {
          const rows = [...(tables.all.get(subscriptionId)?.letters.values() ?? [])]
          const its = rows.filter((row) => waits(row) && row.topic === topic).sort((a, b) => a.id - b.id)
          let bytes = 0
          return its
            .slice(0, limit)
            .filter(({ event }, at) => (bytes += event.length) <= maxBytes || at === 0)
            .map(({ isPosted: _, ...letter }) => letter)
        }),
      number: (lease, leaseMillis, letters) =>
        Effect.sync(() => {
          if (!fenced(state, lease, leaseMillis, clock.currentTimeMillisUnsafe())) return false
          const byId = new Map(letters.map(({ id, ...numbered }) => [id, numbered]))
          for (const { letters: rows } of tables.all.values()) {
            const its = [...rows.values()].filter(({ isPosted }) => !isPosted)
            const given = its.flatMap(({ id }) => byId.get(id) ?? [])
            for (const row of its)
              if (byId.has(row.id)) row.numbered = byId.get(row.id)!
              else if (given.some((one) => isBehind(one, row.numbered))) row.numbered = null
          }
          return true
        }),
      refuse: (letters) =>
        Effect.sync(() => {
          const byId = new Map(letters.map(({ id, why }) => [id, why]))
          for (const row of all()) if (!row.isPosted) row.refused = byId.get(row.id) ?? row.refused
        }),
      posted: (ids) =>
        Effect.sync(() => {
          for (const row of all()) if (ids.includes(row.id)) row.isPosted = true
        })
    })
  })
)
