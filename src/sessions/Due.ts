/** Says what a client is due of a key, going by what it holds: DV1 of Delivery.ts. */
import { covers, sameEpoch } from "../propagation/Position.ts"
import type { Propagation } from "../propagation/Propagation.ts"
import type { Mark } from "../updates/Update.ts"
import type { UpdateSourceShape } from "../updates/UpdateSource.ts"
import type { HeldEntry } from "./Held.ts"
import type { Session } from "./Session.ts"
import type { Look } from "./Stage.ts"

interface Parts {
  readonly updates: Pick<UpdateSourceShape, "target" | "standing">
  readonly propagation: Pick<Propagation["Service"], "position">
}

export interface Due {
  /** Only a history that was lost, or is behind the horizon, knew the key: the client is told that it is gone. */
  readonly gone: boolean
  /** Digest of the text that the client can patch, or "". */
  readonly base: string
}

/** What would bring the client up to date on a key; undefined when it is. */
export const makeDue = ({ updates, propagation }: Parts) => {
  /** The client never had the key, or was told that it is gone. DV1 */
  const knowsGone = (session: Session, newest: Mark, held: HeldEntry | undefined): boolean => {
    const { position } = session.subscription
    if (held !== undefined) return held.digest === ""
    // It came without a position. Until all that it holds is compared, it may be one that never finished its first snapshot.
    if (position === undefined || position.revision === 0n) return session.compared()
    return covers(position, { epoch: propagation.position().epoch, revision: newest.revision })
  }

  /** What the client holds comes from a commit that this node does not know yet. */
  const isAhead = ({ subscription }: Session, held: HeldEntry | undefined, revision: bigint): boolean => {
    const { epoch } = propagation.position()
    return held !== undefined && subscription.position?.epoch === epoch && held.revision > revision
  }

  return (session: Session, { key, held }: Look): Due | undefined => {
    const { environment } = session.subscription.client
    const before = session.told.get(key)
    const now = propagation.position()
    if (before === undefined) {
      const newest = updates.standing(environment, key)
      if (newest === undefined) {
        const gone = held !== undefined && held.digest !== "" && !isAhead(session, held, now.revision)
        return gone ? { gone: true, base: "" } : undefined
      }
      if (newest.kind === "deleted" && session.stage.name !== "live" && knowsGone(session, newest, held)) {
        session.holds(newest)
        return undefined
      }
      if (held !== undefined && isAhead(session, held, newest.revision)) {
        // This node will reach that revision as well; until then it has nothing newer.
        session.holds({ ...newest, revision: held.revision - 1n, digest: "" })
        return undefined
      }
      return { gone: false, base: "" }
    }
    const lost = !sameEpoch(before, now) // S2
    const target = updates.target(environment, key)
    if (target === undefined) return before.kind === "value" ? { gone: true, base: "" } : undefined // P8
    if (!lost && before.revision >= target && !before.stale) return undefined
    return { gone: false, base: lost ? "" : session.base(key) }
  }
}
