/** RetentionStore over a `State`, by the rules of migrations 0012, 0015 and 0020. There is no disk space to give back. */
import { Clock, Effect, Layer } from "effect"
import { type Keep, RetentionStore } from "../../../src/retention/RetentionStore.ts"
import { KindTables } from "../commits/KindTables.ts"
import { FleetTables } from "../fleet/FleetTables.ts"
import { fenced, LeaseTables } from "../leases/LeaseTables.ts"
import { OutboxTables } from "../outbox/OutboxTables.ts"
import { State } from "../State.ts"

const HOUR = 3_600_000
const WEEK = 168 * HOUR
const STEP = 5_000

export const layer = Layer.effect(
  RetentionStore,
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const state = yield* State.service
    const fleet = state.tables(FleetTables)
    /** Moves the horizon; returns how many revisions went behind it. */
    const moveHorizon = ({ keepMillis, keepAtLeast }: Keep, now: number): number => {
      const horizon = now - keepMillis
      const { position } = state.tables(OutboxTables)
      const relayed = (state.tables(LeaseTables).leases.get("relay")?.until ?? 0) > now - HOUR
      const unpublished = position.epoch === "" || position.epoch === state.epoch ? position.revision : 0n
      let gone = 0
      while (state.revisions.length > Math.max(1, keepAtLeast) && state.revisions[0]!.committedAt <= horizon) {
        const { revision, committedAt } = state.revisions[0]!
        if (relayed && revision > unpublished && committedAt > horizon - WEEK) break // waits for its relay
        state.revisions.shift()
        state.swept++
        gone++
      }
      return gone
    }

    /** Removes rows that are `old`, at most `STEP`; returns how many. */
    const remove = <A>(rows: Map<string, A>, old: (row: A, id: string) => boolean): number => {
      let gone = 0
      for (const [id, row] of rows) {
        if (gone === STEP) break
        if (old(row, id) && rows.delete(id)) gone++
      }
      return gone
    }

    return RetentionStore.of({
      makeAhead: () => Effect.succeed(2),
      step: (lease, leaseMillis, keep) =>
        Effect.sync(() => {
          const now = clock.currentTimeMillisUnsafe()
          if (!fenced(state, lease, leaseMillis, now)) return undefined
          const stones = () =>
            [...state.versions.values()].filter((versions) => state.forgotten(versions.at(-1)!)).length
          const before = stones()
          const revisions = moveHorizon(keep, now)
          const idempotencyKeys = remove(state.idempotency, ({ revision }) => revision <= state.swept)
          const ended = new Set<string>()
          const instances = remove(fleet.instances, ({ goneAt }, id) => {
            const old = goneAt !== undefined && goneAt < now - keep.keepMillis
            if (old) ended.add(id)
            return old
          })
          const ofEnded = (id: string) => ended.has(id.split("\u0000").slice(0, 3).join("\u0000"))
          for (const [id, row] of fleet.deliveries)
            if (ofEnded(id) || row.revision <= state.swept) fleet.deliveries.delete(id)
          for (const id of fleet.facts.keys()) if (ofEnded(id)) fleet.facts.delete(id)
          for (const id of fleet.health.keys()) if (ofEnded(id)) fleet.health.delete(id)
          const kinds: Record<string, number> = {}
          for (const [kind, table] of state.tables(KindTables).kinds)
            if (kind !== "configuration") kinds[kind] = table.sweep(BigInt(state.swept))
          return {
            revisions,
            kinds,
            idempotencyKeys,
            tombstones: stones() - before,
            instances,
            instanceKeys: 0,
            more: idempotencyKeys === STEP || instances === STEP
          }
        }),
      drop: Effect.succeed({ dropped: 0, left: 0 })
    })
  })
)
