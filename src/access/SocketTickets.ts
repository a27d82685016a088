/**
 * Gives tickets for streams, and takes each once.
 *
 *   XT3  A ticket opens one stream. Where nodes share a store (Redis) any node takes it, once; where they don't, or the store was away when it was made,
 *        the node that made it does.
 *   XT4  A ticket opens nothing once the credential that asked for it has ended.
 *   XT6  Who comes by one is at the door of WebSockets, and counts in its limits as who shows a token there. One that is refused for that is used.
 */
import { Clock, Context, Effect, Layer, Metric, Redacted } from "effect"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { counter } from "../telemetry/Metrics.ts"
import { Access } from "./Access.ts"
import type { Identity } from "./Identity.ts"
import { KeyHash } from "./KeyHash.ts"
import { OpenTickets } from "./OpenTickets.ts"
import * as SocketTicket from "./SocketTicket.ts"

export interface SocketTicketsOptions {
  readonly pepper: Redacted.Redacted | string
  /** This life of this process. */
  readonly run: string
}

/** Tickets of this node that are not used yet. */
const OPEN = 10_000
const ID_BYTES = 16

export class SocketTickets extends Context.Service<
  SocketTickets,
  {
    /** Fails `ServerFull`, `InvalidInput` for rights that are too long for a ticket. */
    readonly give: (
      identity: Identity
    ) => Effect.Effect<{ readonly ticket: string; readonly expiresAt: number }, HeraldError>
    /** Whose it is. `address`: where it came from, as wrong ones count there (A10). Fails `TicketUsed`, `TicketOfOther`, `Unauthenticated`, `RateLimited`. XT3, XT4, XT6 */
    readonly take: (ticket: string, address: string | undefined) => Effect.Effect<Identity, HeraldError>
  }
>()("herald/access/SocketTickets") {
  static readonly layer = (options: SocketTicketsOptions) => Layer.effect(SocketTickets, make(options))
}

/** Whether a text is meant as a ticket. */
export const isTicket = (token: string): boolean => token.startsWith(SocketTicket.PREFIX)

const make = Effect.fnUntraced(function* ({ pepper: secret, run }: SocketTicketsOptions) {
  const { stillValid, enter, attempted } = yield* Access
  const crypto = yield* KeyHash
  const clock = yield* Clock.Clock
  const shared = yield* OpenTickets
  const pepper = typeof secret === "string" ? secret : Redacted.value(secret)
  const marks = { hash: (text: string) => crypto.hash(pepper, text), equal: crypto.equal }
  /** Until when each of them is good; oldest first. */
  const open = new Map<string, number>()
  const now = () => clock.currentTimeMillisUnsafe()

  const keep = (id: string, until: number): boolean => {
    for (const [old, its] of open) {
      if (its > now()) break
      open.delete(old)
    }
    if (open.size >= OPEN) return false
    open.set(id, until)
    return true
  }

  const give = Effect.fnUntraced(function* (identity: Identity) {
    const id = crypto.random(ID_BYTES)
    const expiresAt = now() + SocketTicket.LASTS
    const isShared = shared !== undefined && (yield* shared.put(id, SocketTicket.LASTS))
    if (!isShared && !keep(id, expiresAt))
      return yield* failure("ServerFull", `${OPEN} tickets of this node are not used yet; try again`)
    const ticket = SocketTicket.write({ id, identity, until: expiresAt, node: isShared ? undefined : run }, marks)
    if (ticket === undefined)
      return yield* failure("InvalidInput", `the rights of ${identity.name} take more room than a ticket has`)
    yield* Metric.update(given, 1)
    return { ticket, expiresAt }
  })

  const take = Effect.fnUntraced(function* (text: string, address: string | undefined) {
    const ticket = yield* attempted(
      address,
      Effect.sync(() => SocketTicket.read(text, marks))
    )
    if (ticket === undefined || !(ticket.until > now()))
      return yield* failure("Unauthenticated", "the ticket is none, or its 30 s are over: ask for another")
    const { id, identity, node } = ticket
    if (node !== undefined && node !== run)
      return yield* failure("TicketOfOther", "another node gave the ticket, and the nodes share no store of them")
    const taken = node === undefined ? yield* shared?.take(id) ?? Effect.succeed("away" as const) : open.delete(id)
    if (taken === "away")
      return yield* failure("TicketOfOther", "what knows whether the ticket was used does not answer; ask for another")
    if (!taken) return yield* failure("TicketUsed", "the ticket has opened a stream already")
    if (!(yield* stillValid(identity)))
      return yield* failure("Unauthenticated", "the credential that asked for the ticket is no longer good") // XT4
    return yield* enter(identity, "websocket", 1) // XT6
  })

  return SocketTickets.of({ give, take })
})

const given = counter("herald_tickets_total", "tickets of 30 s that were given, of which the audit log has no entries")
