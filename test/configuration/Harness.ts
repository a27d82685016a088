/** Configurations on memory twins, with the clients that a test wants to be connected. */

import { Effect, Layer } from "effect"
import * as Memory from "../../layers/Memory/Memory.ts"
import { CurrentIdentity, type Identity, system } from "../../src/access/Identity.ts"
import { Configurations } from "../../src/configuration/Configurations.ts"
import type { Draft } from "../../src/configuration/Draft.ts"
import { ConnectedClients } from "../../src/fleet/ConnectedClients.ts"
import type { Propagation } from "../../src/propagation/Propagation.ts"
import type { ClientView } from "../../src/updates/Client.ts"
import { below, propagation } from "../support/Twins.ts"

export const client = (instance: string, labels: Record<string, string> = {}): ClientView => ({
  environment: "production",
  service: "web",
  instance,
  labels
})

/** Every client covers every key of its environment. */
export const layerWith = (clients: ReadonlyArray<ClientView>) =>
  Configurations.layer.pipe(
    Layer.provideMerge(propagation()),
    Layer.provideMerge(
      Layer.merge(
        below(Memory.layer, { cacheBytes: 10_000_000 }),
        Layer.succeed(ConnectedClients, {
          covering: (environment) => Effect.succeed(clients.filter((one) => one.environment === environment))
        })
      )
    )
  )

export const as =
  (identity: Identity | undefined) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.provideService(effect, CurrentIdentity, identity)

/** Runs a test as the system, on fresh twins. */
export const on =
  (clients: ReadonlyArray<ClientView> = []) =>
  <A, E>(effect: Effect.Effect<A, E, Configurations | Propagation | Layer.Success<typeof Memory.layer>>) =>
    effect.pipe(as(system), Effect.provide(Layer.fresh(layerWith(clients))))

export const draft = (value: string | null, changed: Partial<Draft> = {}): Draft => ({
  key: "app",
  environment: "production",
  value,
  ...changed
})

export const publish = (...drafts: ReadonlyArray<Draft>) =>
  Effect.flatMap(Configurations, (configurations) => configurations.publish(drafts, { message: "why" }))

export const variables = (value: Record<string, unknown>) =>
  publish(draft(JSON.stringify(value), { key: "herald.variables", type: "json" }))
