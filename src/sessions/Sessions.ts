/**
 * The connected clients: one supervised fiber each.
 *
 *   S1–S3, S7, S8 in Session.ts
 *   S4  One session an instance: a newer `open` ends the older one with `SessionReplaced`.
 *   S5  A defect ends its own session with `SessionCrashed`, is counted and logged, and touches no other.
 *   S6  A strict key is not sent while the view is stale; it is sent when the view is confirmed again.
 *   DV1–DV3 in Delivery.ts, RO1–RO3 in Rounds.ts, NO1–NO4 in Neighbours.ts
 */
import { Cause, Clock, Context, Deferred, Duration, Effect, FiberSet, Layer, Random } from "effect"
import { Access } from "../access/Access.ts"
import type { Identity } from "../access/Identity.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { Bookkeeping } from "../fleet/Bookkeeping.ts"
import { Fleet } from "../fleet/ConnectedClients.ts"
import { type InstanceId, instanceKey } from "../fleet/Instance.ts"
import { makeNeighbours } from "../fleet/Neighbours.ts"
import { mayHold, type Ownership, owned, ownerOf } from "../fleet/Ownership.ts"
import { ClientEvents } from "../outbox/ClientEvents.ts"
import { Propagation } from "../propagation/Propagation.ts"
import { UpdateSource } from "../updates/UpdateSource.ts"
import { Slices } from "../work/Slices.ts"
import { makeAppliedSpan } from "./AppliedSpan.ts"
import { makeCounts } from "./Counts.ts"
import { makeDelivery } from "./Delivery.ts"
import type { Ending } from "./Ending.ts"
import { Interest } from "./Interest.ts"
import { Lag } from "./Lag.ts"
import { makeNotes } from "./Notes.ts"
import { type QuotaOptions, Quotas } from "./Quotas.ts"
import { makeRounds } from "./Rounds.ts"
import { Session, type Sink } from "./Session.ts"
import type { Answer, Subscription } from "./Subscription.ts"

export interface SessionsOptions extends QuotaOptions {
  /** This life of this process, as the other nodes know it; one of its own when left out. */
  readonly run?: string
  readonly node: string
  readonly heartbeatInterval: Duration.Input
  readonly heartbeatTimeout: Duration.Input
  /** Clients that are told to leave come back within this time. */
  readonly drainSpread: Duration.Input
  readonly ownership: Ownership
}

export class Sessions extends Context.Service<
  Sessions,
  {
    /** Starts the actor. Fails `InstanceOwned`, `ServerFull`, `TooManySubscriptions`, `Draining`; the session's `ended` says how it ended. */
    readonly open: (subscription: Subscription, sink: Sink) => Effect.Effect<Session, HeraldError>
    /** The client answered updates, or only gave a sign of life. */
    readonly heard: (session: Session, answers: ReadonlyArray<Answer>) => void
    /** A sign of life outside of the stream; false when the instance has no session here. Fails `InstanceOwned`. OW1 */
    readonly beat: (instance: InstanceId, identity: Identity) => Effect.Effect<boolean, HeraldError>
    readonly end: (session: Session, ending: Ending) => void
    /** Tells every client to leave, then ends its session; new ones are refused. */
    readonly drain: Effect.Effect<void>
    readonly size: () => number
  }
>()("herald/sessions/Sessions") {
  static readonly layer = (options: SessionsOptions) => Layer.effectContext(make(options))
}

const make = Effect.fnUntraced(function* (options: SessionsOptions) {
  const propagation = yield* Propagation
  const updates = yield* UpdateSource
  const bookkeeping = yield* Bookkeeping
  const clientEvents = yield* ClientEvents
  const access = yield* Access
  const clock = yield* Clock.Clock
  const fork = yield* FiberSet.makeRuntime()
  const sessions = new Map<string, Session>()
  const interest = new Interest<Session>()
  const quotas = new Quotas(options)
  const timeoutNanos = Duration.toNanosUnsafe(options.heartbeatTimeout)
  const { ownership } = options
  const run = options.run ?? crypto.randomUUID()
  let opened = 0
  let draining = false
  const lag = new Lag()
  const counts = yield* makeCounts(
    () => sessions.size,
    () => lag.count(sessions.values(), clock.monotonicTimeNanosUnsafe())
  )
  const traceApplied = yield* makeAppliedSpan(options.node)

  const notes = makeNotes({ bookkeeping, clientEvents, counts, traceApplied, clock, node: options.node, ownership })
  const slices = new Slices()

  const register = (session: Session) => {
    const { client, patterns } = session.subscription
    sessions.set(session.id, session)
    quotas.add(session.subscription)
    for (const pattern of patterns) interest.add(client.environment, pattern, session)
    notes.instance(session, undefined)
    delivery.sweepAll(session)
  }

  const unregister = (session: Session, ending: Ending) => {
    const { client, patterns } = session.subscription
    for (const pattern of patterns) interest.remove(client.environment, pattern, session)
    session.subscription.held.drop()
    quotas.remove(session.subscription)
    if (sessions.get(session.id) !== session) return // S4: the newer one speaks for the instance
    sessions.delete(session.id)
    notes.instance(session, ending)
  }

  const watch = Effect.fnUntraced(function* (session: Session) {
    while (true) {
      const silent = clock.monotonicTimeNanosUnsafe() - session.heardAt // S3
      if (session.answers && silent >= timeoutNanos) {
        const seconds = Number(silent / 1_000_000_000n)
        return { name: "SessionTimedOut", reason: `nothing was heard for ${seconds} s` } satisfies Ending
      }
      yield* Effect.sleep(Duration.nanos(session.answers ? timeoutNanos - silent : timeoutNanos))
    }
  })

  const end = (session: Session, ending: Ending) => {
    Deferred.doneUnsafe(session.ended, Effect.succeed(ending))
  }

  const live = (session: Session) =>
    Effect.uninterruptibleMask((restore) =>
      restore(Effect.raceAllFirst([delivery.live(session), watch(session), Deferred.await(session.ended)])).pipe(
        Effect.catchCause((cause) =>
          Cause.hasInterruptsOnly(cause)
            ? Effect.succeed<Ending>({ name: "Draining", reason: "the server is leaving" })
            : Effect.as(
                Effect.logError("session crashed", cause, { client: session.id.split("\u0000").join("/") }), // S5
                { name: "SessionCrashed", reason: "a defect ended this session" } satisfies Ending
              )
        ),
        Effect.flatMap((ending) =>
          Effect.suspend(() => {
            unregister(session, ending)
            end(session, ending)
            return counts.ended(ending.name)
          })
        )
      )
    )

  const delivery = makeDelivery({
    updates,
    propagation,
    slices,
    patience: options.heartbeatTimeout,
    noteSent: notes.sent,
    noteHeld: notes.held,
    noteProblem: notes.problem
  })

  const mayTake = (session: Session, identity: Identity) =>
    mayHold(ownerOf(ownership, session.subscription.identity), ownerOf(ownership, identity))

  const open = Effect.fnUntraced(function* (subscription: Subscription, sink: Sink) {
    const { client } = subscription
    if (draining) return yield* failure("Draining", "the server is leaving and takes no new clients")
    const replaced = sessions.get(instanceKey(client))
    if (replaced !== undefined && !mayTake(replaced, subscription.identity)) return yield* owned(client) // OW1
    const refusal = quotas.refusal(subscription, replaced?.subscription)
    if (refusal !== undefined) return yield* refusal
    const session = new Session({
      ref: `${run}/${++opened}`,
      subscription,
      sink,
      ended: yield* Deferred.make<Ending>(),
      connectedAt: clock.currentTimeMillisUnsafe(),
      now: clock.monotonicTimeNanosUnsafe()
    })
    if (replaced !== undefined) end(replaced, { name: "SessionReplaced", reason: "the same instance connected again" }) // S4
    register(session)
    fork(live(session))
    return session
  })

  const heard = (session: Session, answers: ReadonlyArray<Answer>) => {
    session.heardAt = clock.monotonicTimeNanosUnsafe()
    session.answers = true
    for (const answer of answers) notes.answer(session, session.answered(answer), answer)
    if (clock.currentTimeMillisUnsafe() - session.notedAt > NOTE_EVERY) notes.instance(session, undefined)
  }

  const beat = Effect.fnUntraced(function* (instance: InstanceId, identity: Identity) {
    const session = sessions.get(instanceKey(instance))
    if (session === undefined) return false
    if (!mayTake(session, identity)) return yield* owned(instance) // OW1
    heard(session, [])
    return true
  })

  yield* makeRounds({
    sessions,
    interest,
    propagation,
    updates,
    delivery,
    slices,
    stillValid: access.stillValid,
    end,
    heartbeatInterval: options.heartbeatInterval
  })

  const drain = Effect.gen(function* () {
    draining = true
    const spread = Duration.toMillis(options.drainSpread)
    for (const session of sessions.values()) {
      const reconnectAfterMillis = Math.round((yield* Random.next) * spread)
      if (session.subscription.control) session.sink.write({ kind: "drain", reconnectAfterMillis })
      end(session, { name: "Draining", reason: `the server is leaving; reconnect in ${reconnectAfterMillis} ms` })
      if (slices.over()) yield* slices.turn // RO1
    }
  })

  /** Those of `refs` that still have their instance here. */
  const held = (refs: ReadonlyArray<string>) => {
    const wanted = new Set(refs)
    return wanted.size === 0 ? [] : [...sessions.values()].filter((session) => wanted.has(session.ref))
  }
  bookkeeping.whenRefused((refs) => {
    for (const session of held(refs))
      end(session, { name: "InstanceOwned", reason: owned(session.subscription.client).message }) // OW2
  })
  const neighbours = yield* makeNeighbours({
    run,
    node: options.node,
    timeout: options.heartbeatTimeout,
    taken: (all) => {
      const owners = new Map(all.map(({ session, owner }) => [session, owner]))
      for (const session of held([...owners.keys()])) {
        const { client, identity } = session.subscription
        if (mayHold(ownerOf(ownership, identity), owners.get(session.ref)!))
          end(session, { name: "SessionReplaced", reason: "the same instance connected to another node" })
        else end(session, { name: "InstanceOwned", reason: owned(client).message }) // OW2: it was taken for lost meanwhile
      }
    },
    doubted: (refs) => {
      for (const session of held(refs)) notes.instance(session, undefined)
    }
  })

  const covering = (environment: string, key: string) => {
    const found = new Set<Session>()
    for (const session of interest.wanting(environment, key)) found.add(session)
    const here = [...found].map((session) => session.subscription.client)
    return Effect.map(neighbours.covering(environment, key), (there) => [...here, ...there])
  }

  return Context.make(Sessions, Sessions.of({ open, heard, beat, end, drain, size: () => sessions.size })).pipe(
    Context.add(Fleet, Fleet.of({ covering }))
  )
})

/** Milliseconds between stored signs of life. */
const NOTE_EVERY = 10_000
