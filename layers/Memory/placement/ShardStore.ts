/** Members and shards over a `State`: the rules of migration 0033. */
import { Clock, Effect, Layer } from "effect"
import type { Lease } from "../../../src/leases/Leases.ts"
import { ShardStore } from "../../../src/placement/ShardStore.ts"
import { State } from "../State.ts"
import { ShardTables } from "./ShardTables.ts"

export const layer = Layer.effect(
  ShardStore,
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const state = yield* State.service
    const { members, shards } = state.tables(ShardTables)
    const now = () => clock.currentTimeMillisUnsafe()
    const lives = (run: string, life: number): boolean => {
      const until = members.get(run)?.until
      return until !== undefined && until > now() && until <= now() + 3 * life
    }
    const isIts = (run: string, { name, epoch, token }: Lease): boolean => {
      const held = shards.get(name)
      return held?.run === run && held.epoch === epoch && held.token === token
    }
    return ShardStore.of({
      join: ({ run, node }, life) =>
        Effect.sync(() => void members.set(run, { run, node, until: now() + life, leaving: false })),
      leave: (run) =>
        Effect.sync(() => {
          const member = members.get(run)
          if (member !== undefined) member.leaving = true
        }),
      members: (life) =>
        Effect.sync(() =>
          [...members.values()]
            .filter(({ run, leaving }) => !leaving && lives(run, life))
            .map(({ run }) => run)
            .sort()
        ),
      claim: (run, names, life) =>
        Effect.sync(() => {
          const member = members.get(run)
          if (member === undefined || member.leaving) return []
          member.until = now() + life
          return names.flatMap((name) => {
            const held = shards.get(name)
            if (held !== undefined && held.run !== run && lives(held.run, life)) return []
            const next = (held?.token ?? 0n) + 1n
            const since = BigInt(Math.floor(now()))
            const lease = { name, run, epoch: state.epoch, token: next > since ? next : since }
            shards.set(name, lease)
            return [lease]
          })
        }),
      keep: (run, life) =>
        Effect.sync(() => {
          const member = members.get(run)
          if (member === undefined) return []
          member.until = now() + life
          return [...shards.values()].filter((lease) => lease.run === run)
        }),
      release: (run, leases) =>
        Effect.sync(() => {
          for (const lease of leases)
            if (isIts(run, lease)) shards.set(lease.name, { ...lease, run: "", token: lease.token + 1n })
        }),
      holders: (names, life) =>
        Effect.sync(() =>
          names.flatMap((name) => {
            const run = shards.get(name)?.run ?? ""
            return lives(run, life) ? [{ name, run, node: members.get(run)!.node }] : []
          })
        )
    })
  })
)
