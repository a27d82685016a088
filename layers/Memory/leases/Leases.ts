/** Leases over a `State`: the rules of migration 0011. */

import { Clock, Effect, Layer } from "effect"
import { Leases } from "../../../src/leases/Leases.ts"
import { State } from "../State.ts"
import { fenced, LeaseTables } from "./LeaseTables.ts"

export const layer = Layer.effect(
  Leases,
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const state = yield* State.service
    const { leases } = state.tables(LeaseTables)
    const now = () => clock.currentTimeMillisUnsafe()
    return Leases.of({
      claim: (name, run, leaseMillis) =>
        Effect.sync(() => {
          const held = leases.get(name)
          if (held !== undefined && held.until > now() && held.run !== run) return undefined
          const next = (held?.token ?? 0n) + 1n
          const token = next > BigInt(Math.floor(now())) ? next : BigInt(Math.floor(now()))
          const lease = { name, run, epoch: state.epoch, token }
          leases.set(name, { ...lease, until: now() + leaseMillis })
          return lease
        }),
      keep: (lease, leaseMillis) => Effect.sync(() => fenced(state, lease, leaseMillis, now())),
      release: (lease) =>
        Effect.sync(() => {
          if (!fenced(state, lease, 0, now())) return
          leases.set(lease.name, { ...lease, run: "", token: lease.token + 1n, until: now() })
        })
    })
  })
)
