/** Ends the streams of what is no longer good: A3 of access/Access.ts, A8 of access/Authenticating.ts. */
import { Effect } from "effect"
import type { Identity } from "../access/Identity.ts"
import { shownBy } from "../access/Watching.ts"
import { afterEvery } from "../telemetry/Every.ts"
import type { Here } from "./Connected.ts"
import type { Ending } from "./Ending.ts"

const endingOf = ({ name, until }: Identity): Ending =>
  until === undefined
    ? { name: "KeyRevoked", reason: `the API key ${name} is no longer valid` }
    : { name: "CredentialEnded", reason: `what ${name} showed has ended: come back with a new token` }

/** Once a second, with one question for each of what was shown. */
export const endRevoked = (here: Here, stillValid: (identity: Identity) => Effect.Effect<boolean>) =>
  afterEvery(
    "sessions could not be looked after",
    "1 second",
    Effect.gen(function* () {
      const identities = new Map<string, Identity>()
      for (const { subscription } of here.all()) identities.set(shownBy(subscription.identity), subscription.identity)
      for (const [shown, identity] of identities) {
        if (yield* stillValid(identity)) continue
        for (const session of here.all())
          if (shownBy(session.subscription.identity) === shown) session.end(endingOf(identity))
      }
    })
  )
