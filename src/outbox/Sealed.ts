/**
 * Tells Herald's own events from forgeries: anybody who may write to the topic can write what looks like one.
 *
 *   EV7  Every event that is published carries a seal over its id and its body; without it a guessed id is of no use.
 *   EV8  An event counts if its seal is genuine. One from a version that did not seal yet counts if the revision log says the same, letter
 *        for letter; of clients the log says nothing, so their events without a seal don't count.
 */
import { Effect, Semaphore } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import { Kinds } from "../propagation/Kinds.ts"
import { type Position, samePosition } from "../propagation/Position.ts"
import type { Revision } from "../propagation/Revision.ts"
import { RevisionLog } from "../propagation/RevisionLog.ts"
import { Seal, type SealShape } from "../seals/Seal.ts"
import { type ClientEvent, eventsOf, type LogEvent, type UpdateType } from "./Event.ts"

/** A CloudEvents extension attribute. */
export const SEAL_HEADER = "ce_seal"

/** What came from the topic, as far as it is needed to judge it. */
export interface Claimed {
  readonly id: string
  readonly body: string
  readonly received: { readonly headers: Readonly<Record<string, string>> }
  readonly event:
    | { readonly event_type: UpdateType; readonly epoch: string; readonly revision: string }
    | { readonly event_type: ClientEvent["type"] }
}

/** Ids have no line ends. */
const textOf = (id: string, body: string) => `${id}\n${body}`

/** EV7 */
export const sealed =
  ({ seal }: Pick<SealShape, "seal">) =>
  (event: LogEvent): LogEvent => ({
    ...event,
    headers: { ...event.headers, [SEAL_HEADER]: seal("event", textOf(event.id, event.body)) }
  })

/** Events that are looked up in the log at once. */
const LOOKS = 16

/** EV8. Fails `DatabaseUnavailable` or `Timeout` when it can't be told now. */
export const makeGenuine = Effect.gen(function* () {
  const { verify } = yield* Seal
  const log = yield* RevisionLog
  const kinds = yield* Kinds
  const looks = Semaphore.makeUnsafe(LOOKS)
  let last: Revision | undefined

  const committed = Effect.fnUntraced(function* (wanted: Position) {
    if (last !== undefined && samePosition(last, wanted)) return last
    const page = yield* log.after(wanted.revision - 1n, 1)
    last = page?.find((found) => samePosition(found, wanted))
    return last
  })

  return Effect.fnUntraced(function* ({ id, body, event, received }: Claimed): Effect.fn.Return<boolean, HeraldError> {
    const seal = received.headers[SEAL_HEADER]
    if (seal !== undefined) return yield* verify("event", textOf(id, body), seal)
    if (!("revision" in event) || event.revision.length > 18) return false
    const revision = yield* looks.withPermits(1)(committed({ epoch: event.epoch, revision: BigInt(event.revision) }))
    return revision !== undefined && eventsOf(kinds, revision).some((mine) => mine.id === id && mine.body === body)
  })
})
