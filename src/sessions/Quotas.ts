/**
 * Limits how many of a node's streams one tenant may have. Pure state.
 *
 *   QT1  A principal (with however many API keys) and an environment each have at most their quota, which by default leaves room: however
 *        many clients one of them starts, some of another are let in.
 *   QT2  A client that connects again takes its own place, not a second one.
 */
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import type { Subscription } from "./Subscription.ts"

export interface QuotaOptions {
  /** Streams of this node. */
  readonly maxSessions: number
  /** Undefined: four fifths of `maxSessions`. */
  readonly maxSessionsPerIdentity?: number | undefined
  /** Undefined: nine tenths of `maxSessions`. */
  readonly maxSessionsPerEnvironment?: number | undefined
}

interface Share {
  readonly used: number
  readonly limit: number
}

export interface Streams {
  readonly ofPrincipal: Share
  readonly ofEnvironment: Share
}

const share = (given: number | undefined, of: number, part: number): number =>
  Math.min(of, given ?? Math.max(1, Math.floor(of * part)))

export class Quotas {
  readonly #all: number
  readonly #perIdentity: number
  readonly #perEnvironment: number
  readonly #identities = new Map<string, number>()
  readonly #environments = new Map<string, number>()
  #taken = 0

  constructor({ maxSessions, maxSessionsPerIdentity, maxSessionsPerEnvironment }: QuotaOptions) {
    this.#all = maxSessions
    this.#perIdentity = share(maxSessionsPerIdentity, maxSessions, 0.8)
    this.#perEnvironment = share(maxSessionsPerEnvironment, maxSessions, 0.9)
  }

  /** `ServerFull` or `TooManySubscriptions` for a client that can't be let in now. `replaced`: whose place it takes, if any. QT1, QT2 */
  refusal({ identity, client }: Subscription, replaced: Subscription | undefined): HeraldError | undefined {
    const others = replaced === undefined ? 0 : 1
    if (this.#taken - others >= this.#all)
      return failure("ServerFull", `all ${this.#all} streams of this server are taken`)
    const { environment } = client
    const inEnvironment = (this.#environments.get(environment) ?? 0) - others
    if (inEnvironment >= this.#perEnvironment)
      return failure(
        "TooManySubscriptions",
        `clients of ${environment} have ${inEnvironment} streams of this server, all that one environment may have (LIMIT_STREAMS_PER_ENVIRONMENT)`,
        { details: { environment, limit: this.#perEnvironment } }
      )
    const mine = replaced?.identity.name === identity.name ? 1 : 0
    const ofIdentity = (this.#identities.get(identity.name) ?? 0) - mine
    if (ofIdentity >= this.#perIdentity)
      return failure(
        "TooManySubscriptions",
        `${identity.name} has ${ofIdentity} streams of this server, all that one principal may have (LIMIT_STREAMS_PER_IDENTITY)`,
        { details: { identity: identity.name, limit: this.#perIdentity } }
      )
    return undefined
  }

  /** How many streams of this node a principal and an environment have, and may have. */
  of(principal: string, environment: string): Streams {
    return {
      ofPrincipal: { used: this.#identities.get(principal) ?? 0, limit: this.#perIdentity },
      ofEnvironment: { used: this.#environments.get(environment) ?? 0, limit: this.#perEnvironment }
    }
  }

  add({ identity, client }: Subscription): void {
    this.#count(identity.name, client.environment, 1)
  }

  /** To be called exactly once for each `add`. */
  remove({ identity, client }: Subscription): void {
    this.#count(identity.name, client.environment, -1)
  }

  #count(principal: string, environment: string, by: number): void {
    this.#taken += by
    for (const [map, name] of [
      [this.#identities, principal],
      [this.#environments, environment]
    ] as const) {
      const left = (map.get(name) ?? 0) + by
      if (left > 0) map.set(name, left)
      else map.delete(name)
    }
  }
}
