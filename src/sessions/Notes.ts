/** Writes down what a session does: for the store, in the counts, as events, and for witnesses. Decides nothing. */
import type { Clock, Effect } from "effect"
import type { Bookkeeping } from "../fleet/Bookkeeping.ts"
import type { DeliveryState } from "../fleet/Instance.ts"
import { type Ownership, ownerOf } from "../fleet/Ownership.ts"
import type { ClientEvent } from "../outbox/Event.ts"
import type { Position } from "../propagation/Position.ts"
import type { Mark } from "../updates/Update.ts"
import type { makeCounts } from "./Counts.ts"
import { type Ending, endings } from "./Ending.ts"
import type { Session } from "./Session.ts"
import type { Answer } from "./Subscription.ts"
import type { Witness } from "./Witnesses.ts"

interface Parts {
  readonly bookkeeping: Bookkeeping["Service"]
  readonly clientEvents: { readonly note: (event: ClientEvent) => void }
  readonly counts: Effect.Success<ReturnType<typeof makeCounts>>
  readonly traceApplied: (session: Session, mark: Mark, now: number) => void
  readonly clock: Clock.Clock
  readonly node: string
  readonly ownership: Ownership
  readonly tell: Witness
}

export const makeNotes = (parts: Parts) => {
  const { bookkeeping, clientEvents, counts, traceApplied, clock, node, ownership, tell } = parts
  const speakerOf = ({ subscription: { client }, ref }: Session) => ({
    environment: client.environment,
    service: client.service,
    instance: client.instance,
    session: ref
  })

  const note = (
    session: Session,
    { key, epoch, revision, version }: Pick<Mark, "key" | "epoch" | "revision" | "version">,
    state: DeliveryState,
    now: number,
    lacks: boolean,
    reason = ""
  ) => {
    const { environment, service, instance } = session.subscription.client
    const [sentAt, answeredAt] = state === "sent" ? [now, 0] : [0, now]
    bookkeeping.noteDelivery(
      {
        environment,
        service,
        instance,
        session: session.ref,
        key,
        epoch,
        revision,
        version,
        state,
        reason,
        lacks,
        sentAt,
        answeredAt
      },
      session.id
    )
  }

  const sent = (session: Session, mark: Mark, lacks: boolean): void => {
    const now = clock.currentTimeMillisUnsafe()
    counts.delivered(mark, session, now)
    note(session, mark, "sent", now, lacks)
    tell.sent(session, mark)
  }

  const held = (session: Session, mark: Mark): void => {
    bookkeeping.noteHeld(speakerOf(session), mark, clock.currentTimeMillisUnsafe())
    tell.held(session, mark)
  }

  const problem = (session: Session, key: string, at: Position, reason: string, lacks: boolean): void => {
    const { epoch, revision } = at
    note(session, { key, epoch, revision, version: 0 }, "problem", clock.currentTimeMillisUnsafe(), lacks, reason)
    tell.problem(session, key, at, reason)
  }

  /** `mark`: what was answered; undefined when nothing like it was sent. */
  const answer = (session: Session, mark: Mark | undefined, { applied, reason }: Answer): void => {
    if (mark === undefined) {
      counts.ignored()
      return
    }
    const now = clock.currentTimeMillisUnsafe()
    note(session, mark, applied ? "applied" : "rejected", now, false, reason)
    if (applied) {
      counts.applied(mark, session, now)
      traceApplied(session, mark, now)
    } else counts.rejected()
    tell.answered(session, mark, applied, reason)
  }

  const instance = (session: Session, ending: Ending | undefined, opening: boolean): void => {
    const { client, identity, patterns } = session.subscription
    const at = clock.currentTimeMillisUnsafe()
    const state = ending === undefined ? "connected" : endings[ending.name].state
    session.notedAt = at
    bookkeeping.noteInstance({
      ...client,
      state,
      patterns,
      connectedAt: session.connectedAt,
      lastSeen: at,
      ending: ending?.name ?? "",
      node,
      session: session.ref,
      owner: ownerOf(ownership, identity),
      opening,
      empty: session.empty
    })
    if (opening || ending !== undefined)
      clientEvents.note({ ...client, type: eventTypes[state], reason: ending?.name ?? "", at })
  }
  const came = (session: Session): void => {
    instance(session, undefined, true)
    tell.came(session)
  }
  const lives = (session: Session): void => instance(session, undefined, false)
  const left = (session: Session, ending: Ending): void => {
    instance(session, ending, false)
    tell.ended(session, ending)
  }

  return { sent, held, problem, answer, came, lives, left }
}

const eventTypes = {
  connected: "client_connect",
  disconnected: "client_disconnect",
  timed_out: "client_timeout"
} as const
