/**
 * The connected clients: one supervised fiber each.
 *
 *   S1–S3 in Session.ts
 *   S4  One session an instance: a newer `open` ends the older one with `SessionReplaced`.
 *   S5  A defect ends its own session with `SessionCrashed`, is counted and logged, and touches no other.
 *   S6  A strict key is not sent while the view is stale; it is sent when the view is confirmed again.
 *   NO1–NO4 in Neighbours.ts
 */
import { Cause, Clock, Context, Deferred, Duration, Effect, FiberSet, Layer, Random } from "effect"
import { Access } from "../access/Access.ts"
import { VARIABLES_KEY } from "../configuration/Configuration.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { ClientEvents } from "../events/ClientEvents.ts"
import { Propagation, type PropagationEvent } from "../propagation/Propagation.ts"
import { makeAppliedSpan } from "./AppliedSpan.ts"
import { Bookkeeping } from "./Bookkeeping.ts"
import { makeCounts } from "./Counts.ts"
import { makeDelivery } from "./Delivery.ts"
import { type Ending, endings } from "./Ending.ts"
import { Fleet } from "./Fleet.ts"
import type { DeliveryState, InstanceId } from "./InstanceStore.ts"
import { Interest } from "./Interest.ts"
import { Lag } from "./Lag.ts"
import { makeNeighbours } from "./Neighbours.ts"
import { type QuotaOptions, Quotas } from "./Quotas.ts"
import { Session, type Sink } from "./Session.ts"
import { type Answer, instanceKey, type Subscription } from "./Subscription.ts"
import type { ValueUpdate } from "./Update.ts"
import { Updates } from "./Updates.ts"

export interface SessionsOptions extends QuotaOptions {
  /** This life of this process, as the other nodes know it; one of its own when left out. */
  readonly run?: string
  readonly node: string
  readonly heartbeatInterval: Duration.Input
  readonly heartbeatTimeout: Duration.Input
  /** Clients that are told to leave come back within this time. */
  readonly drainSpread: Duration.Input
}

export class Sessions extends Context.Service<
  Sessions,
  {
    /** Starts the actor. Fails `ServerFull`, `TooManySubscriptions`, `Draining`; the session's `ended` says how it ended. */
    readonly open: (subscription: Subscription, sink: Sink) => Effect.Effect<Session, HeraldError>
    /** The client answered updates, or only gave a sign of life. */
    readonly heard: (session: Session, answers: ReadonlyArray<Answer>) => void
    /** A sign of life outside of the stream; false when the instance has no session here. */
    readonly beat: (instance: InstanceId) => boolean
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
  const updates = yield* Updates
  const bookkeeping = yield* Bookkeeping
  const clientEvents = yield* ClientEvents
  const access = yield* Access
  const clock = yield* Clock.Clock
  const fork = yield* FiberSet.makeRuntime()
  const sessions = new Map<string, Session>()
  const interest = new Interest<Session>()
  const quotas = new Quotas(options)
  const timeoutNanos = Duration.toNanosUnsafe(options.heartbeatTimeout)
  const run = options.run ?? crypto.randomUUID()
  let opened = 0
  let draining = false
  const lag = new Lag()
  const counts = yield* makeCounts(
    () => sessions.size,
    () => lag.count(sessions.values(), clock.monotonicTimeNanosUnsafe())
  )
  const traceApplied = yield* makeAppliedSpan(options.node)

  const noteDelivery = (session: Session, update: ValueUpdate, state: DeliveryState, reason: string) => {
    const { environment, service, instance } = session.subscription.client
    const now = clock.currentTimeMillisUnsafe()
    const { key, revision, version } = update
    if (state === "sent") counts.delivered(update, session, now)
    const sentAt = state === "sent" ? now : 0
    const answeredAt = state === "sent" ? 0 : now
    const row = { environment, service, instance, key, revision, version, state, reason }
    bookkeeping.noteDelivery({ ...row, sentAt, answeredAt })
  }

  const noteInstance = (session: Session, ending: Ending | undefined) => {
    const { client, patterns } = session.subscription
    const opening = !session.noted
    const at = clock.currentTimeMillisUnsafe()
    const state = ending === undefined ? "connected" : endings[ending.name].state
    session.notedAt = at
    session.noted = true
    bookkeeping.noteInstance({
      ...client,
      state,
      patterns,
      connectedAt: session.connectedAt,
      lastSeen: at,
      ending: ending?.name ?? "",
      node: options.node,
      session: session.ref,
      opening
    })
    if (opening || ending !== undefined)
      clientEvents.note({ ...client, type: eventTypes[state], reason: ending?.name ?? "", at })
  }

  const register = (session: Session) => {
    const { client, patterns } = session.subscription
    sessions.set(session.id, session)
    quotas.add(session.subscription)
    for (const pattern of patterns) {
      interest.add(client.environment, pattern, session)
      for (const head of propagation.matching(client.environment, pattern)) session.pending.add(head.key)
    }
    noteInstance(session, undefined)
  }

  const unregister = (session: Session, ending: Ending) => {
    const { client, patterns } = session.subscription
    for (const pattern of patterns) interest.remove(client.environment, pattern, session)
    quotas.remove(session.subscription)
    if (sessions.get(session.id) !== session) return // S4: the newer one speaks for the instance
    sessions.delete(session.id)
    noteInstance(session, ending)
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

  const delivery = makeDelivery({ updates, propagation, noteDelivery, patience: options.heartbeatTimeout })

  const open = Effect.fnUntraced(function* (subscription: Subscription, sink: Sink) {
    const { client } = subscription
    if (draining) return yield* failure("Draining", "the server is leaving and takes no new clients")
    const replaced = sessions.get(instanceKey(client))
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
    session.wake()
    return session
  })

  const heard = (session: Session, answers: ReadonlyArray<Answer>) => {
    session.heardAt = clock.monotonicTimeNanosUnsafe()
    session.answers = true
    for (const answer of answers) {
      const update = session.answered(answer)
      if (update === undefined) counts.ignored()
      else {
        noteDelivery(session, update, answer.applied ? "applied" : "rejected", answer.reason)
        if (answer.applied) {
          const now = clock.currentTimeMillisUnsafe()
          counts.applied(update, session, now)
          traceApplied(session, update, now)
        } else counts.rejected()
      }
    }
    if (clock.currentTimeMillisUnsafe() - session.notedAt > NOTE_EVERY) noteInstance(session, undefined)
  }

  const beat = (instance: InstanceId) => {
    const session = sessions.get(instanceKey(instance))
    if (session === undefined) return false
    heard(session, [])
    return true
  }

  /** Who has to look at which key again. */
  const news = function* (event: PropagationEvent): Generator<readonly [Session, string], void> {
    if (event._tag === "Committed") {
      for (const { environment, key } of event.revision.changes) {
        for (const session of interest.wanting(environment, key)) yield [session, key]
        if (key !== VARIABLES_KEY) continue
        for (const head of propagation.matching(environment, "*", "template")) {
          for (const session of interest.wanting(environment, head.key)) yield [session, head.key]
        }
      }
      return
    }
    const all = event._tag === "Reset"
    for (const session of sessions.values()) {
      const { client, patterns } = session.subscription
      if (all) for (const key of session.sent.keys()) yield [session, key] // what was lost, too
      for (const pattern of patterns) {
        for (const { key, strict } of propagation.matching(client.environment, pattern)) {
          if (all || strict || session.sent.get(key)?.update.stale) yield [session, key] // S6
        }
      }
    }
  }

  const tell = Effect.fnUntraced(function* (event: PropagationEvent) {
    if (event._tag === "Committed") updates.remember(event.revision)
    yield* Effect.yieldNow // the publisher is answered first
    // In one go: answers that come meanwhile are read afterwards, so the last client does not wait for the first one's.
    for (const [session, key] of news(event)) delivery.push(session, key)
  })

  const events = yield* propagation.events
  yield* events.pipe(
    Effect.flatMap(tell),
    Effect.catchDefect((defect) => Effect.logError("an event could not be told", defect)),
    Effect.forever,
    Effect.forkScoped
  )

  // Heartbeats to clients that understand them; one jittered round an interval.
  yield* Effect.gen(function* () {
    const jitter = yield* Random.next
    yield* Effect.sleep(Duration.toMillis(options.heartbeatInterval) * (0.9 + jitter * 0.1))
    const update = { kind: "heartbeat", position: propagation.position() } as const
    for (const session of sessions.values())
      if (session.subscription.control && session.synced && session.pending.size === 0) session.sink.write(update)
  }).pipe(Effect.forever, Effect.forkScoped)

  // A3: streams of keys that are no longer good.
  const endRevoked = Effect.gen(function* () {
    const identities = new Map(
      [...sessions.values()].map(({ subscription: { identity } }) => [identity.keyId, identity])
    )
    for (const identity of identities.values()) {
      if (yield* access.stillValid(identity)) continue
      for (const session of sessions.values())
        if (session.subscription.identity.keyId === identity.keyId)
          end(session, { name: "KeyRevoked", reason: `the API key ${identity.name} is no longer valid` })
    }
  })
  yield* Effect.sleep("1 second").pipe(Effect.andThen(endRevoked), Effect.forever, Effect.forkScoped)

  const drain = Effect.gen(function* () {
    draining = true
    const spread = Duration.toMillis(options.drainSpread)
    for (const session of sessions.values()) {
      const reconnectAfterMillis = Math.round((yield* Random.next) * spread)
      if (session.subscription.control) session.sink.write({ kind: "drain", reconnectAfterMillis })
      end(session, { name: "Draining", reason: `the server is leaving; reconnect in ${reconnectAfterMillis} ms` })
    }
  })

  /** Those of `refs` that still have their instance here. */
  const held = (refs: ReadonlyArray<string>) => {
    const wanted = new Set(refs)
    return wanted.size === 0 ? [] : [...sessions.values()].filter((session) => wanted.has(session.ref))
  }
  const neighbours = yield* makeNeighbours({
    run,
    node: options.node,
    timeout: options.heartbeatTimeout,
    taken: (refs) => {
      for (const session of held(refs))
        end(session, { name: "SessionReplaced", reason: "the same instance connected to another node" })
    },
    doubted: (refs) => {
      for (const session of held(refs)) noteInstance(session, undefined)
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

const eventTypes = {
  connected: "client_connect",
  disconnected: "client_disconnect",
  timed_out: "client_timeout"
} as const

/** Milliseconds between stored signs of life. */
const NOTE_EVERY = 10_000
