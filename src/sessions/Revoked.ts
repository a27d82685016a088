/** Ends the streams of API keys that are no longer good: A3 of access/Access.ts. */
import { Effect } from "effect"
import type { Identity } from "../access/Identity.ts"
import { afterEvery } from "../telemetry/Every.ts"
import type { Here } from "./Connected.ts"

/** Once a second, with one question per API key. */
export const endRevoked = (here: Here, stillValid: (identity: Identity) => Effect.Effect<boolean>) =>
  afterEvery(
    "sessions could not be looked after",
    "1 second",
    Effect.gen(function* () {
      const identities = new Map<string, Identity>()
      for (const { subscription } of here.all()) identities.set(subscription.identity.keyId, subscription.identity)
      for (const identity of identities.values()) {
        if (yield* stillValid(identity)) continue
        for (const session of here.all())
          if (session.subscription.identity.keyId === identity.keyId)
            session.end({ name: "KeyRevoked", reason: `the API key ${identity.name} is no longer valid` })
      }
    })
  )
