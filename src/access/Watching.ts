/** Ends what stays open once what it was opened with is no longer good. A3 in Access.ts, A8 in Authenticating.ts */
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
export const shownBy = ({ keyId, until }: Identity): string => (until === undefined ? keyId : `${keyId} ${until}`)

/** Asks once for each of what was shown, however much is open by it. `end`: perhaps of what is over by now. */
export type Watching = <A extends Open>(
  open: Iterable<A>,
  end: (one: A, error: HeraldError) => void
) => Effect.Effect<void>

export const makeWatching = Effect.map(
  Access,
  ({ stillValid }): Watching =>
    (open, end) =>
      Effect.suspend(() =>
        Effect.forEach(
          Map.groupBy(open, ({ identity }) => shownBy(identity)).values(),
          Effect.fnUntraced(function* (its) {
            const { identity } = its[0]!
            if (yield* stillValid(identity)) return
            for (const one of its) end(one, keyRevoked(identity))
          }),
          { discard: true }
        )
      )
)
