/** Keeps members and shards in PostgreSQL, by the functions of migration 0033. */
import { Effect, Layer } from "effect"
import type { Lease } from "../../../src/leases/Leases.ts"
import { type Holder, ShardStore } from "../../../src/placement/ShardStore.ts"
import { guarded } from "../connection/Failure.ts"
import { Pools } from "../connection/Pools.ts"
import { millis } from "../leases/Fence.ts"

type Row = Omit<Lease, "token"> & { readonly token: string }

/** As SQL takes them: with tokens as text, as JSON has no bigint. */
const asHeld = (leases: ReadonlyArray<Lease>): string =>
  JSON.stringify(leases.map(({ name, epoch, token }) => ({ name, epoch, token: String(token) })))

const leasesOf = ([row]: ReadonlyArray<{ readonly leases: ReadonlyArray<Row> }>): ReadonlyArray<Lease> =>
  row!.leases.map((lease) => ({ ...lease, token: BigInt(lease.token) }))

/** Names, for SQL. */
const asNames = (names: ReadonlyArray<string>): string => JSON.stringify(names)

export const layer = Layer.effect(
  ShardStore,
  Effect.map(Pools, ({ other: sql }) =>
    ShardStore.of({
      join: ({ run, node }, life) =>
        Effect.asVoid(
          guarded("take part in placement")(sql`select herald_place(${run}, ${node}, ${millis(life)}::interval)`)
        ),
      leave: (run) => Effect.asVoid(guarded("leave the placement")(sql`select herald_leave(${run})`)),
      members: (life) =>
        guarded("read who takes part in placement")(sql<{ run: string }>`
          select run from herald_members(${millis(life)}::interval) as run`).pipe(
          Effect.map((rows) => rows.map(({ run }) => run))
        ),
      claim: (run, shards, life) =>
        guarded("take shards")(sql<{ leases: ReadonlyArray<Row> }>`
          select herald_shards_claim(${run}, array(select jsonb_array_elements_text(${asNames(shards)}::text::jsonb)),
            ${millis(life)}::interval) as leases`).pipe(Effect.map(leasesOf)),
      keep: (run, life) =>
        guarded("keep shards")(sql<{ leases: ReadonlyArray<Row> }>`
          select herald_shards_keep(${run}, ${millis(life)}::interval) as leases`).pipe(Effect.map(leasesOf)),
      release: (run, leases) =>
        Effect.asVoid(
          guarded("give shards up")(sql`select herald_shards_release(${run}, ${asHeld(leases)}::text::jsonb)`)
        ),
      holders: (shards, life) =>
        guarded("read who has which shard")(sql<Holder>`
          select name, node, run from herald_shards(array(select jsonb_array_elements_text(${asNames(shards)}::text::jsonb)),
            ${millis(life)}::interval)`)
    })
  )
)
