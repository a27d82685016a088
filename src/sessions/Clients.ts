/** Who has what: every instance beside the newest version of each key that it covers. As fresh as the write-behind, about 100 ms. */
import { Context, Effect, Layer } from "effect"
import { requirePermission } from "../access/Access.ts"
import type { Head } from "../configuration/Configuration.ts"
import type { HeraldError } from "../errors/HeraldError.ts"
import { Propagation } from "../propagation/Propagation.ts"
import { type DeliveryRow, type HealthRow, type InstanceRow, InstanceStore } from "./InstanceStore.ts"

/** One key of an instance: what it should have, and the newest delivery to it, if any. */
export interface ClientKey {
  readonly key: string
  /** Undefined when the key was deleted or never existed. */
  readonly desired: Pick<Head, "version" | "revision"> | undefined
  readonly delivery: DeliveryRow | undefined
}

export interface Client extends InstanceRow {
  readonly health: HealthRow | undefined
  readonly keys: ReadonlyArray<ClientKey>
}

export interface ClientsOptions {
  /** Undefined: every environment; needs the permission in all of them. */
  readonly environment?: string | undefined
  readonly service?: string | undefined
  readonly limit: number
}

export class Clients extends Context.Service<
  Clients,
  {
    /** Requires clients.read. */
    readonly list: (options: ClientsOptions) => Effect.Effect<ReadonlyArray<Client>, HeraldError>
  }
>()("herald/sessions/Clients") {
  static readonly layer = Layer.effect(
    Clients,
    Effect.gen(function* () {
      const store = yield* InstanceStore
      const propagation = yield* Propagation
      return Clients.of({
        list: Effect.fn("Clients.list")(function* ({ environment, service, limit }) {
          yield* requirePermission("clients.read", environment)
          const reports = yield* store.list({
            limit,
            ...(environment === undefined ? {} : { environment }),
            ...(service === undefined ? {} : { service })
          })
          return reports.map(({ deliveries, ...row }) => ({ ...row, keys: keysOf(propagation, row, deliveries) }))
        })
      })
    })
  )
}

const keysOf = (
  propagation: Propagation["Service"],
  { environment, patterns }: InstanceRow,
  deliveries: ReadonlyArray<DeliveryRow>
): ReadonlyArray<ClientKey> => {
  const delivered = new Map(deliveries.map((delivery) => [delivery.key, delivery]))
  const heads = new Map<string, Head>()
  for (const pattern of patterns) {
    for (const head of propagation.matching(environment, pattern)) {
      if (!head.deleted || delivered.has(head.key)) heads.set(head.key, head)
    }
  }
  return [...new Set([...heads.keys(), ...delivered.keys()])].sort().map((key) => {
    const head = heads.get(key)
    const desired = head === undefined || head.deleted ? undefined : { version: head.version, revision: head.revision }
    return { key, desired, delivery: delivered.get(key) }
  })
}
