/** Ends the streams of what is no longer good: A3 of access/Access.ts, A8 of access/Authenticating.ts. */
import { Effect } from "effect"
import type { Identity } from "../access/Identity.ts"
import { makeWatching } from "../access/Watching.ts"
import { afterEvery } from "../telemetry/Every.ts"
import type { Here } from "./Connected.ts"
import type { Ending } from "./Ending.ts"

const endingOf = ({ name, until }: Identity): Ending =>
  until === undefined
    ? { name: "KeyRevoked", reason: `the API key ${name} is no longer valid` }
    : { name: "CredentialEnded", reason: `what ${name} showed has ended: come back with a new token` }

/** Once a second, with one question for each of what was shown. EW1 */
export const endRevoked = (here: Pick<Here, "all">) =>
  Effect.flatMap(makeWatching, (watching) =>
    afterEvery(
      "sessions could not be looked after",
      "1 second",
      Effect.suspend(() => watching(here.all(), (session) => session.end(endingOf(session.identity))))
    )
  )
