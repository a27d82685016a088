/** Sessions on memory twins: publish, connect fake clients, look at what they got. */
import { Effect, Layer } from "effect"
import * as Digests from "../../layers/Crypto/values/Digest.ts"
import * as Memory from "../../layers/Memory/Memory.ts"
import * as Cache from "../../layers/Memory/propagation/Cache.ts"
import { Access } from "../../src/access/Access.ts"
import { system } from "../../src/access/Identity.ts"
import { Bookkeeping } from "../../src/fleet/Bookkeeping.ts"
import { defaultPatterns } from "../../src/keys/Pattern.ts"
import { Propagation } from "../../src/propagation/Propagation.ts"
import { Held } from "../../src/sessions/Held.ts"
import type { Session, Sink } from "../../src/sessions/Session.ts"
import { Sessions, type SessionsOptions } from "../../src/sessions/Sessions.ts"
import type { Subscription } from "../../src/sessions/Subscription.ts"
import type { Update, ValueUpdate } from "../../src/sessions/Update.ts"
import { Updates } from "../../src/sessions/Updates.ts"
import { workers } from "../support/workers.ts"

export const options: SessionsOptions = {
  node: "test",
  heartbeatInterval: "30 seconds",
  heartbeatTimeout: "90 seconds",
  maxSessions: 100,
  maxSessionsPerIdentity: 100,
  drainSpread: "5 seconds"
}

const AccessForAll = Layer.mock(Access, { stillValid: () => Effect.succeed(true) })

/** `stores`: those of a test that wants them to fail; otherwise memory. */
export const layerWith = (
  changed: Partial<SessionsOptions>,
  stores: Layer.Layer<Layer.Success<typeof Memory.layer>> = Memory.layer,
  threads: Parameters<typeof workers>[0] = {}
) =>
  Sessions.layer({ ...options, ...changed }).pipe(
    Layer.provideMerge(Layer.mergeAll(Updates.layer, Bookkeeping.layer())),
    Layer.provideMerge(Propagation.layer({ pollInterval: "500 millis", staleAfter: "3 seconds" })),
    Layer.provideMerge(
      Layer.mergeAll(stores, Cache.layer({ maxBytes: 1_000_000 }), Digests.layer, workers(threads), AccessForAll)
    )
  )

/** A transport that keeps what it gets and can be made to block. */
export class FakeSink implements Sink {
  readonly got: Array<Update> = []
  blocked = false
  #waiting: (() => void) | undefined

  write = (update: Update): boolean => {
    this.got.push(update)
    return !this.blocked
  }

  drained = (then: () => void): void => {
    if (this.blocked) this.#waiting = then
    else then()
  }

  unblock(): void {
    this.blocked = false
    this.#waiting?.()
    this.#waiting = undefined
  }

  get values(): ReadonlyArray<ValueUpdate> {
    return this.got.filter((update): update is ValueUpdate => update.kind === "value" || update.kind === "deleted")
  }

  get contents(): ReadonlyArray<string> {
    return this.values.map((update) => update.content)
  }
}

/** Digest of what is held, by key; the client holds nothing that is newer than the node. */
export const holding = (held: Iterable<readonly [key: string, digest: string, revision?: bigint]>): Held => {
  const all = new Held()
  all.add([...held].map(([key, digest, revision = 0n]) => ({ key, digest, revision })))
  return all
}

export const subscription = (
  changed: Partial<Omit<Subscription, "held">> & {
    readonly instance?: string
    readonly held?: Parameters<typeof holding>[0]
  } = {}
): Subscription => {
  const { instance = "i1", held = [], ...rest } = changed
  return {
    client: { environment: "production", service: "svc", instance, labels: {} },
    identity: system,
    patterns: defaultPatterns("svc"),
    position: undefined,
    held: holding(held),
    acceptsDelta: false,
    control: true,
    ...rest
  }
}

export const applied = (session: Session, update: ValueUpdate) => ({
  session,
  answers: [{ key: update.key, revision: update.revision, epoch: update.epoch, applied: true, reason: "" }]
})
