/** Configurations on memory twins, with the clients that a test wants to be connected. */
import { Effect, Layer } from "effect"
import * as Digests from "../../layers/Crypto/values/Digest.ts"
import * as Memory from "../../layers/Memory/Memory.ts"
import * as Cache from "../../layers/Memory/propagation/Cache.ts"
import { CurrentIdentity, type Identity, system } from "../../src/access/Identity.ts"
import { Configurations } from "../../src/configuration/Configurations.ts"
import type { Draft } from "../../src/configuration/Draft.ts"
import type { ClientView } from "../../src/fleet/Client.ts"
import { Fleet } from "../../src/fleet/ConnectedClients.ts"
import { Propagation } from "../../src/propagation/Propagation.ts"
import { workers } from "../support/workers.ts"

export const client = (instance: string, labels: Record<string, string> = {}): ClientView => ({
  environment: "production",
  service: "web",
  instance,
  labels
})

/** Every client covers every key of its environment. */
export const layerWith = (clients: ReadonlyArray<ClientView>) =>
  Configurations.layer.pipe(
    Layer.provideMerge(Propagation.layer({ pollInterval: "500 millis", staleAfter: "3 seconds" })),
    Layer.provideMerge(
      Layer.mergeAll(
        Memory.layer,
        Cache.layer({ maxBytes: 10_000_000 }),
        Digests.layer,
        workers(),
        Layer.succeed(Fleet, {
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
