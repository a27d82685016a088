/** Ends what stays open once its API key is no longer good. A3 in Access.ts */
import { Effect } from "effect"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { Access } from "./Access.ts"
import type { Identity } from "./Identity.ts"

interface Open {
  readonly identity: Identity
}

/** What whoever has such a key is told. */
export const keyRevoked = ({ keyId }: Identity): HeraldError =>
  failure("KeyRevoked", `the API key ${keyId} is no longer good`)

/** Asks for each key once, however much is open by it. `end`: perhaps of what is over by now. */
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
          Map.groupBy(open, ({ identity }) => identity.keyId).values(),
          Effect.fnUntraced(function* (its) {
            const { identity } = its[0]!
            if (yield* stillValid(identity)) return
            for (const one of its) end(one, keyRevoked(identity))
          }),
          { discard: true }
        )
      )
)
