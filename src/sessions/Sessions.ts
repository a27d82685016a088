/**
 * Opens, hears and ends the sessions of this node's clients. What a session does by itself is in Actor.ts.
 *
 *   S1–S3 in Session.ts, S4 in Connected.ts, S5 in Actor.ts, S6 in Sending.ts, S7 and S8 in Told.ts, XS1 and XS2 in Served.ts
 */
import { Clock, Context, Duration, Effect, Layer, Random } from "effect"
import type { Identity } from "../access/Identity.ts"
import { failure, HeraldError } from "../errors/HeraldError.ts"
import { Bookkeeping } from "../fleet/Bookkeeping.ts"
import type { InstanceId } from "../fleet/Instance.ts"
import { mayHold, type Ownership, owned, ownerOf } from "../fleet/Ownership.ts"
import { ClientEvents } from "../outbox/ClientEvents.ts"
import { Propagation } from "../propagation/Propagation.ts"
import { excerpt } from "../text/Excerpt.ts"
import { UpdateSource } from "../updates/UpdateSource.ts"
import { Slices } from "../work/Slices.ts"
import { makeActor } from "./Actor.ts"
import { makeAppliedSpan } from "./AppliedSpan.ts"
import { Connected, type ConnectedOptions } from "./Connected.ts"
import { makeControl } from "./Control.ts"
import { makeCounts } from "./Counts.ts"
import * as Covering from "./Covering.ts"
import { makeDelivery } from "./Delivery.ts"
import type { Ending } from "./Ending.ts"
import { Lag } from "./Lag.ts"
import { makeNotes } from "./Notes.ts"
import type { Streams } from "./Quotas.ts"
import { endRevoked } from "./Revoked.ts"
import { makeRounds } from "./Rounds.ts"
import { makeSending } from "./Sending.ts"
import { servedTo } from "./Served.ts"
import { Session, type Sink } from "./Session.ts"
import type { Answer, Subscription } from "./Subscription.ts"
import { makeTakeover } from "./Takeover.ts"
import { Witnesses } from "./Witnesses.ts"

export interface SessionsOptions extends ConnectedOptions {
  readonly node: string
  readonly heartbeatInterval: Duration.Input
  /** How long a client may be silent, or read nothing. S3, DY1 */
  readonly heartbeatTimeout: Duration.Input
  /** Clients that are told to leave are told to come back at a random moment within this time. */
  readonly drainSpread: Duration.Input
  readonly ownership: Ownership
}

export class Sessions extends Context.Service<
  Sessions,
  {
    /** Starts a session; its `ended` says how it ends. Fails `InvalidKey`, `Forbidden`, `InstanceOwned`, `ServerFull`, `TooManySubscriptions`, `Draining`. */
    readonly open: (subscription: Subscription, sink: Sink) => Effect.Effect<Session, HeraldError>
    /** The client answered updates, or only gave a sign of life. */
    readonly heard: (session: Session, answers: ReadonlyArray<Answer>) => void
    /** A sign of life outside of the stream; false when the instance has no session here. Fails `InstanceOwned`. OW1 */
    readonly beat: (instance: InstanceId, identity: Identity) => Effect.Effect<boolean, HeraldError>
    readonly end: (session: Session, ending: Ending) => void
    /** Tells every client to leave, then ends its session; new ones are refused. */
    readonly drain: Effect.Effect<void>
    readonly size: () => number
    /** How many streams of this node a principal and an environment have, and may have. */
    readonly streams: (principal: string, environment: string) => Streams
  }
>()("herald/sessions/Sessions") {
  static readonly layer = (options: SessionsOptions) =>
    Layer.merge(Layer.effect(Sessions, make(options)), Covering.layer).pipe(
      Layer.provideMerge(Witnesses.layer),
      Layer.provide(Connected.layer(options))
    )
}

/** Milliseconds between two stored signs of life of a session. */
const NOTE_EVERY = 10_000

const make = Effect.fnUntraced(function* (options: SessionsOptions) {
  const { node, ownership, heartbeatInterval, heartbeatTimeout } = options
  const here = yield* Connected
  const propagation = yield* Propagation
  const updates = yield* UpdateSource
  const bookkeeping = yield* Bookkeeping
  const clientEvents = yield* ClientEvents
  const { tell } = yield* Witnesses
  const clock = yield* Clock.Clock
  const slices = new Slices()
  const lag = new Lag()
  const counts = yield* makeCounts(
    () => here.size,
    () => lag.count(here.all(), clock.monotonicTimeNanosUnsafe())
  )
  const traceApplied = yield* makeAppliedSpan(node)
  const notes = makeNotes({ bookkeeping, clientEvents, counts, traceApplied, clock, node, ownership, tell })
  const sending = makeSending({ updates, propagation, notes, patience: heartbeatTimeout })
  const control = makeControl(propagation)
  const delivery = makeDelivery({ updates, propagation, slices, sending, control })
  const act = yield* makeActor({ delivery, notes, counts })
  yield* makeRounds({
    here,
    propagation,
    updates,
    delivery,
    control,
    slices,
    clock,
    heartbeatInterval,
    heartbeatTimeout
  })
  yield* makeTakeover({ here, node, heartbeatTimeout, ownership, notes })
  yield* Effect.forkScoped(endRevoked(here))
  let opened = 0
  let draining = false

  const mayTake = (session: Session, identity: Identity) =>
    mayHold(ownerOf(ownership, session.subscription.identity), ownerOf(ownership, identity))

  /** Synchronous: what was checked still holds when the place is taken. */
  const open = (asked: Subscription, sink: Sink) =>
    Effect.suspend(() => {
      const { client, identity, byDefault } = asked
      if (draining) return Effect.fail(failure("Draining", "the server is leaving and takes no new clients"))
      const unserved = asked.patterns.find((pattern) => !updates.serves(pattern))
      if (unserved !== undefined)
        return Effect.fail(failure("InvalidKey", `${excerpt(unserved)} is of no kind that this server has`))
      const wanted = { environment: client.environment, patterns: asked.patterns, byDefault }
      const patterns = servedTo(identity, wanted, clock.currentTimeMillisUnsafe())
      if (patterns instanceof HeraldError) return Effect.fail(patterns)
      const narrowed = patterns === asked.patterns ? {} : { asked: asked.patterns } // XS3
      const subscription = { ...asked, ...narrowed, patterns } // XS1
      const replaced = here.of(client)
      if (replaced !== undefined && !mayTake(replaced, identity)) return Effect.fail(owned(client)) // OW1
      const refusal = here.refusal(subscription, replaced)
      if (refusal !== undefined) return Effect.fail(refusal)
      const session = new Session({
        ref: `${here.run}/${++opened}`,
        subscription,
        sink,
        connectedAt: clock.currentTimeMillisUnsafe(),
        now: clock.monotonicTimeNanosUnsafe()
      })
      const place = here.take(session) // S4: so the older one has it no more when it ends
      replaced?.end({ name: "SessionReplaced", reason: "the same instance connected again" })
      notes.came(session)
      delivery.begin(session, place)
      act(session)
      return Effect.succeed(session)
    })

  const heard = (session: Session, answers: ReadonlyArray<Answer>) => {
    session.heard(clock.monotonicTimeNanosUnsafe())
    for (const answer of answers) notes.answer(session, session.answered(answer), answer)
    if (clock.currentTimeMillisUnsafe() - session.notedAt > NOTE_EVERY) notes.lives(session)
  }

  const beat = Effect.fnUntraced(function* (instance: InstanceId, identity: Identity) {
    const session = here.of(instance)
    if (session === undefined) return false
    if (!mayTake(session, identity)) return yield* owned(instance) // OW1
    heard(session, [])
    return true
  })

  const drain = Effect.gen(function* () {
    draining = true
    const spread = Duration.toMillis(options.drainSpread)
    for (const session of here.all()) {
      const reconnectAfterMillis = Math.round((yield* Random.next) * spread)
      control.dismiss(session, reconnectAfterMillis)
      session.end({ name: "Draining", reason: `the server is leaving; reconnect in ${reconnectAfterMillis} ms` })
      if (slices.over()) yield* slices.turn // RO1
    }
  })

  const end = (session: Session, ending: Ending): void => session.end(ending)

  return Sessions.of({
    open,
    heard,
    beat,
    end,
    drain,
    size: () => here.size,
    streams: (principal, environment) => here.streams(principal, environment)
  })
})
