/**
 * Tells the cluster library which nodes there are and which shards each has, as our tables have it: nodes are runs, shards are leases.
 *
 *   PC7  A shard that this node took without hearing of it is taken anew or given up, a second later: it would be nobody's as long as the
 *        node lives.
 */
import { Effect } from "effect"
import { PersistenceError } from "effect/cluster/ClusterError"
import * as MachineId from "effect/cluster/MachineId"
import * as Runner from "effect/cluster/Runner"
import * as RunnerAddress from "effect/cluster/RunnerAddress"
import { RunnerStorage } from "effect/cluster/RunnerStorage"
import type { ShardId } from "effect/cluster/ShardId"
import type { HeraldError } from "../../../src/errors/HeraldError.ts"
import type { Lease } from "../../../src/leases/Leases.ts"
import type { Member, ShardStore } from "../../../src/placement/ShardStore.ts"
import { LIFE, type Life } from "./Life.ts"

/** The name of the shard's lease. */
export const leaseOf = ({ id }: ShardId): string => `shard-${id}`

/** Nobody sends anything to a node, so the address is none: it is the run's name. */
export const addressOf = (run: string): RunnerAddress.RunnerAddress => RunnerAddress.make(run, 0)

const failing = Effect.mapError((cause: HeraldError) => new PersistenceError({ cause }))

/** Of what a node that stops gives up: it waits no longer for that, as its life ends soon. */
const soon = <A>(given: Effect.Effect<A, HeraldError>): Effect.Effect<A, PersistenceError> =>
  Effect.interruptible(given).pipe(
    Effect.timeout(LIFE / 3),
    Effect.mapError((cause) => new PersistenceError({ cause }))
  )

export const makeRuns = (store: ShardStore["Service"], me: Member, life: Life) => {
  /** What this node has, by the shard. */
  const held = new Map<ShardId, Lease>()
  /** Why it could not take shards when it last tried; undefined when it could. */
  let refused: string | undefined
  const { run } = me
  /** Leases of this run that it knows nothing of, at the last look: of claims whose answer never came. */
  let stray: ReadonlyArray<Lease> = []
  const isMine = (shard: ShardId, leases: ReadonlyArray<Lease>): boolean =>
    leases.some(({ name, token }) => name === leaseOf(shard) && token === held.get(shard)?.token)
  const drop = (shards: ReadonlyArray<ShardId>) => {
    const leases = shards.flatMap((shard) => held.get(shard) ?? [])
    if (leases.length === 0) return Effect.void
    return Effect.andThen(
      soon(store.release(run, leases)),
      Effect.sync(() => {
        for (const shard of shards) if (leases.includes(held.get(shard)!)) held.delete(shard)
      })
    )
  }
  /** PC7 */
  const forgo = (leases: ReadonlyArray<Lease>) => {
    const known = new Set([...held.values()].map(({ token, name }) => `${name} ${token}`))
    const before = new Set(stray.map(({ token, name }) => `${name} ${token}`))
    stray = leases.filter(({ token, name }) => !known.has(`${name} ${token}`))
    const again = stray.filter(({ token, name }) => before.has(`${name} ${token}`))
    return again.length === 0 ? Effect.void : store.release(run, again)
  }

  const storage = RunnerStorage.of({
    register: () => Effect.as(failing(life.sign(store.join(me, LIFE))), MachineId.make(0)),
    unregister: () => soon(store.leave(run)),
    getRunners: Effect.map(failing(store.members(LIFE)), (members) =>
      life
        .judged(members)
        .map((one) => [Runner.make({ address: addressOf(one), groups: ["default"], weight: 1 }), true] as const)
    ),
    setRunnerHealth: () => Effect.void,
    acquire: (_, shards) =>
      Effect.suspend(() => {
        const byName = new Map(Array.from(shards, (shard) => [leaseOf(shard), shard]))
        return failing(store.claim(run, [...byName.keys()], LIFE)).pipe(
          Effect.tapError(({ cause }) =>
            Effect.sync(() => {
              refused = (cause as HeraldError).message
            })
          ),
          Effect.map((leases) => {
            refused = undefined
            return leases.map((lease) => {
              const shard = byName.get(lease.name)!
              held.set(shard, lease)
              return shard
            })
          })
        )
      }),
    refresh: (_, shards) =>
      Effect.suspend(() => {
        const asked = [...shards]
        return failing(
          Effect.flatMap(life.sign(store.keep(run, LIFE)), (leases) => {
            const mine = asked.filter((shard) => isMine(shard, leases))
            for (const shard of asked) if (!mine.includes(shard)) held.delete(shard)
            return Effect.as(forgo(leases), mine)
          })
        )
      }),
    release: (_, shard) => Effect.suspend(() => drop([shard])),
    releaseAll: () => Effect.suspend(() => drop([...held.keys()]))
  })

  return { storage, held: () => held.size, refused: () => refused }
}
