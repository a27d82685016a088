/** What was meant by a name that no client has: only names that the server shows to who asks. NE1 in ../../Near.ts */
import * as Effect from "effect/Effect"
import type { Client, Summary } from "../../../edge/http/fleet/Wire.ts"
import { nearby } from "../../../text/Nearest.ts"
import type { Invocation } from "../../Globals.ts"
import { lookAround, nearEnvironments } from "../../Near.ts"

/** Pages of 1,000 clients that are looked through. */
const PAGES = 5
/** Environments whose keys are looked through where none is named. */
const ENVIRONMENTS = 3
const MOST = 1_000

export interface Named {
  readonly environment?: string | undefined
  readonly service?: string | undefined
  readonly instance?: string | undefined
  readonly key?: string | undefined
}

const servicesOf = Effect.fnUntraced(function* (here: Invocation, environment: string | undefined) {
  const services: Array<Summary["services"][number]> = []
  let after: string | undefined
  for (let page = 0; page < PAGES; page++) {
    const query = { environment, after }
    const { body } = yield* here.call({ method: "GET", path: "/v1/clients/summary", query, patient: false })
    const { services: some, next } = body as Summary
    services.push(...some)
    if (next === null) return { services, whole: true }
    after = next
  }
  return { services, whole: false }
})

const instancesOf = Effect.fnUntraced(function* (here: Invocation, { environment, service }: Named) {
  const query = { environment, service, limit: MOST, keys: 1 }
  const { body } = yield* here.call({ method: "GET", path: "/v1/clients", query, patient: false })
  const { clients, next } = body as { readonly clients: ReadonlyArray<Client>; readonly next: string | null }
  return { names: clients.map(({ instance }) => instance), whole: next === null }
})

/** Where nothing is near and not everything was looked at, nothing is known. */
const told = (what: string, name: string, names: Iterable<string>, whole: boolean): string | undefined => {
  const near = nearby(name, new Set(names))
  if (near.length > 0) return `${what}; did you mean ${near.join(" or ")}?`
  return whole ? `${what}; herald clients shows all that there are` : undefined
}

/** Says which of the names that were asked for no client has, and what is near; undefined where each of them is right, or that can't be told. */
export const misnamed = Effect.fnUntraced(
  function* (here: Invocation, named: Named) {
    const { environment, service, instance, key } = named
    const { services, whole } = yield* servicesOf(here, environment)
    if (environment !== undefined && services.length === 0) {
      const elsewhere = yield* nearEnvironments(here, environment)
      if (elsewhere !== undefined)
        return told(`there is no environment ${environment}`, environment, elsewhere.all, true)
    }
    if (service !== undefined && !services.some((one) => one.service === service))
      return told(
        `no client of a service ${service} is known`,
        service,
        services.map((one) => one.service),
        whole
      )
    if (instance !== undefined) {
      const { names, whole } = yield* instancesOf(here, named)
      if (!names.includes(instance)) return told(`no instance ${instance} is known`, instance, names, whole)
    }
    if (key === undefined) return undefined
    const theirs = services.filter((one) => service === undefined || one.service === service)
    const keys = new Set(theirs.flatMap((one) => one.keys.map((one) => one.key)))
    if (keys.has(key)) return undefined
    const environments = environment === undefined ? theirs.map((one) => one.environment) : [environment]
    for (const one of [...new Set(environments)].slice(0, ENVIRONMENTS)) {
      const { there, names } = yield* lookAround(here, one, key)
      if (there) return `no client subscribes to ${key}`
      for (const name of names) keys.add(name)
    }
    return told(`no client subscribes to ${key}`, key, keys, true)
  },
  Effect.catchCause(() => Effect.succeed(undefined)) // NE1
)
