/** Commits that a node finds out by itself, and what it tells then. */
import { Effect } from "effect"
import { Propagation, type PropagationEvent } from "../../src/propagation/Propagation.ts"
import { change, commit as commitAll } from "../support/Release.ts"

/** Commits without telling this node; answers with the revision. */
export const commit = (value: string | null, key = "svc") =>
  Effect.map(commitAll([change(key, value)]), ({ revision }) => revision)

/** What is told from now on, one word an event. */
export const listen = Effect.gen(function* () {
  const { events } = yield* Propagation
  const subscription = yield* events
  const heard: Array<string> = []
  yield* subscription.pipe(
    Effect.map((event) => heard.push(word(event))),
    Effect.forever,
    Effect.forkScoped
  )
  return heard
})

const word = (event: PropagationEvent): string => {
  switch (event._tag) {
    case "Committed":
      return String(event.revision.revision)
    case "Reset":
      return "reset"
    case "Freshness":
      return event.stale ? "stale" : "fresh"
  }
}
