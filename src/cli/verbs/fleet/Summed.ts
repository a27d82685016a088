/** A summary of the fleet, its pages added up. */
import * as Effect from "effect/Effect"
import type { KeySummary, ServiceSummary, Summary } from "../../../edge/http/fleet/Wire.ts"
import type { Invocation } from "../../Globals.ts"

const sum = (a: KeySummary, b: KeySummary): KeySummary => {
  const versions = new Map(a.versions.map((one) => [`${one.epoch}/${one.revision}`, one]))
  for (const one of b.versions) {
    const id = `${one.epoch}/${one.revision}`
    versions.set(id, { ...one, clients: one.clients + (versions.get(id)?.clients ?? 0) })
  }
  return {
    key: a.key,
    desired: b.desired,
    clients: a.clients + b.clients,
    applied: a.applied + b.applied,
    rejected: a.rejected + b.rejected,
    problem: a.problem + b.problem,
    pending: a.pending + b.pending,
    versions: [...versions.values()].sort((one, other) => other.clients - one.clients)
  }
}

const added = (a: ServiceSummary | undefined, b: ServiceSummary): ServiceSummary => {
  if (a === undefined) return b
  const keys = new Map(a.keys.map((one) => [one.key, one]))
  for (const one of b.keys) {
    const known = keys.get(one.key)
    keys.set(one.key, known === undefined ? one : sum(known, one))
  }
  return {
    ...a,
    connected: a.connected + b.connected,
    away: a.away + b.away,
    keys: [...keys.values()],
    more: a.more || b.more
  }
}

export interface Asked {
  readonly environment?: string | undefined
  readonly service?: string | undefined
  readonly key?: string | undefined
  readonly revision?: number | undefined
  readonly epoch?: string | undefined
}

/** By environment and service. */
export const summed = Effect.fn("Summed.summed")(function* (here: Invocation, asked: Asked) {
  const found = new Map<string, ServiceSummary>()
  for (let after: string | undefined, more = true; more; ) {
    const { body } = yield* here.call({ method: "GET", path: "/v1/clients/summary", query: { ...asked, after } })
    const { services, next } = body as Summary
    for (const one of services) {
      const id = `${one.environment}\u0000${one.service}`
      found.set(id, added(found.get(id), one))
    }
    after = next ?? undefined
    more = next !== null
  }
  return [...found.values()]
})
