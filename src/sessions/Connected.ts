/**
 * Knows who is connected to this node: the session of each instance, the quotas, and who wants which key.
 *
 *   S4  One session an instance: a newer one takes the instance, and the older one gives back the rest of its place.
 */
import { Context, Effect, Layer } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import { type InstanceId, instanceKey } from "../fleet/Instance.ts"
import { Interest } from "./Interest.ts"
import { type QuotaOptions, Quotas, type Streams } from "./Quotas.ts"
import type { Session } from "./Session.ts"
import type { Place } from "./Stage.ts"
import type { Subscription } from "./Subscription.ts"

export interface ConnectedOptions extends QuotaOptions {
  /** Names this run of the process to the other nodes; random when left out. */
  readonly run?: string
}

export class Here {
  readonly run: string
  readonly #sessions = new Map<string, Session>()
  readonly #interest = new Interest<Session>()
  readonly #quotas: Quotas

  constructor({ run = crypto.randomUUID(), ...quotas }: ConnectedOptions) {
    this.run = run
    this.#quotas = new Quotas(quotas)
  }

  get size(): number {
    return this.#sessions.size
  }

  /** One session an instance; one that was replaced and has not stopped yet is not among them. */
  all(): Iterable<Session> {
    return this.#sessions.values()
  }

  of(instance: InstanceId): Session | undefined {
    return this.#sessions.get(instanceKey(instance))
  }

  /** The instance is this session's. S4 */
  has(session: Session): boolean {
    return this.#sessions.get(session.id) === session
  }

  /** The sessions with these refs that still have their instance. */
  withRefs(refs: ReadonlyArray<string>): ReadonlyArray<Session> {
    const wanted = new Set(refs)
    return wanted.size === 0 ? [] : [...this.#sessions.values()].filter((session) => wanted.has(session.ref))
  }

  /** Everyone who wants the key; a session with overlapping patterns comes more than once. */
  wanting(environment: string, key: string): Iterable<Session> {
    return this.#interest.wanting(environment, key)
  }

  /** Why this client can't be let in now: `ServerFull` or `TooManySubscriptions`. */
  refusal(subscription: Subscription, replaced: Session | undefined): HeraldError | undefined {
    return this.#quotas.refusal(subscription, replaced?.subscription)
  }

  streams(principal: string, environment: string): Streams {
    return this.#quotas.of(principal, environment)
  }

  /** Gives the instance to this session. S4 */
  take(session: Session): Place {
    const { id, subscription } = session
    const { client, patterns } = subscription
    this.#sessions.set(id, session)
    this.#quotas.add(subscription)
    for (const pattern of patterns) this.#interest.add(client.environment, pattern, session)
    return {
      give: () => {
        for (const pattern of patterns) this.#interest.remove(client.environment, pattern, session)
        this.#quotas.remove(subscription)
        return this.#sessions.get(id) === session && this.#sessions.delete(id) // S4
      }
    }
  }
}

export class Connected extends Context.Service<Connected, Here>()("herald/sessions/Connected") {
  static readonly layer = (options: ConnectedOptions) =>
    Layer.effect(
      Connected,
      Effect.sync(() => new Here(options))
    )
}
