/**
 * Ends sessions whose instance went to another node, and claims back those that were taken for lost: OW2 of fleet/Ownership.ts, NO1 to NO3
 * of fleet/Neighbours.ts.
 */
import { type Duration, Effect } from "effect"
import { Bookkeeping } from "../fleet/Bookkeeping.ts"
import { makeNeighbours } from "../fleet/Neighbours.ts"
import { mayHold, type Ownership, owned, ownerOf } from "../fleet/Ownership.ts"
import type { Here } from "./Connected.ts"
import type { Ending } from "./Ending.ts"
import type { makeNotes } from "./Notes.ts"
import type { Session } from "./Session.ts"

interface Parts {
  readonly here: Here
  readonly node: string
  readonly heartbeatTimeout: Duration.Input
  readonly ownership: Ownership
  readonly notes: Pick<ReturnType<typeof makeNotes>, "lives">
}

const takenBy = (owner: string, { subscription: { client, identity } }: Session, ownership: Ownership): Ending =>
  mayHold(ownerOf(ownership, identity), owner)
    ? { name: "SessionReplaced", reason: "the same instance connected to another node" }
    : { name: "InstanceOwned", reason: owned(client).message } // OW2: it was taken for lost meanwhile

export const makeTakeover = Effect.fnUntraced(function* ({ here, node, heartbeatTimeout, ownership, notes }: Parts) {
  const bookkeeping = yield* Bookkeeping
  bookkeeping.whenRefused((refs) => {
    for (const session of here.withRefs(refs))
      session.end({ name: "InstanceOwned", reason: owned(session.subscription.client).message }) // OW2
  })
  yield* makeNeighbours({
    run: here.run,
    node,
    timeout: heartbeatTimeout,
    taken: (all) => {
      const owners = new Map(all.map(({ session, owner }) => [session, owner]))
      for (const session of here.withRefs([...owners.keys()]))
        session.end(takenBy(owners.get(session.ref)!, session, ownership))
    },
    doubted: (refs) => {
      for (const session of here.withRefs(refs)) notes.lives(session)
    }
  })
})
