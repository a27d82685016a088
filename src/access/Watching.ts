/**
 * Ends what stays open once what it was opened with is no longer good. A3 in Access.ts, A8 in Authenticating.ts
 *
 *   EW1  A look costs what is open once, however many of those who opened it are no longer good, and gives way to others in between.
 */
import { Effect } from "effect"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { Access } from "./Access.ts"
import type { Identity } from "./Identity.ts"

interface Open {
  readonly identity: Identity
}

/** What whoever has such a key is told. What ends by itself is followed by another, so its client comes back. */
export const keyRevoked = ({ name, keyId, until }: Identity): HeraldError =>
  until === undefined
    ? failure("KeyRevoked", `the API key ${keyId} is no longer good`)
    : failure("CredentialEnded", `what ${name} showed has ended: come back with a new token`)

/** What was shown: several tokens of one key may be open, each with an end of its own. */
export const shownBy = ({ keyId, until, signer = "" }: Identity): string =>
  until === undefined ? keyId : `${keyId} ${until} ${signer}`

/** Of a look, until others have a turn: some milliseconds. */
const STEPS = 256

/** Asks once for each of what was shown, however much is open by it. `end`: perhaps of what is over by now. */
export type Watching = <A extends Open>(
  open: Iterable<A>,
  end: (one: A, error: HeraldError) => void
) => Effect.Effect<void>

export const makeWatching = Effect.map(
  Access,
  ({ stillValid }): Watching =>
    Effect.fnUntraced(function* (open, end) {
      let steps = 0
      const next = Effect.suspend(() => (++steps % STEPS === 0 ? Effect.yieldNow : Effect.void))
      for (const its of Map.groupBy(open, ({ identity }) => shownBy(identity)).values()) {
        yield* next
        const { identity } = its[0]!
        if (yield* stillValid(identity)) continue
        const error = keyRevoked(identity)
        for (const one of its) {
          end(one, error)
          yield* next
        }
      }
    })
)
