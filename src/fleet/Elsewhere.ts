/**
 * Finds the clients of other nodes.
 *
 *   NO4  A dry run knows the clients of all nodes: at most 20,000 of the others, as of at most two seconds ago.
 */
import { Cache, Effect } from "effect"
import { coveredBy } from "../keys/Pattern.ts"
import { InstanceStore } from "./InstanceStore.ts"

const FRESH = "1 second"
const LIMIT = 20_000
const ENVIRONMENTS = 64

/** Finds clients of other runs than `run` whose patterns cover a key. NO4 */
export const makeElsewhere = Effect.fnUntraced(function* (run: string) {
  const store = yield* InstanceStore
  const clients = yield* Cache.make({
    capacity: ENVIRONMENTS,
    timeToLive: FRESH,
    lookup: (environment: string) => store.elsewhere({ environment, run, limit: LIMIT })
  })
  return (environment: string, key: string) =>
    Effect.map(Cache.get(clients, environment), (all) =>
      all.filter(({ patterns }) => coveredBy(patterns, key)).map(({ client }) => client)
    )
})
