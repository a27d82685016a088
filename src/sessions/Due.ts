/**
 * Says what a client is due of a key, going by what it holds: DV1 of Delivery.ts.
 *
 *   DV6  What a client has at the position of what it should have, or after it, and is something else, is replaced as of this node's position. So a
 *        client that left a rollout's cohort unseen, or calls itself otherwise, has what is right, and nothing of it goes backwards (S2).
 */
import { covers, sameEpoch } from "../propagation/Position.ts"
import type { Propagation } from "../propagation/Propagation.ts"
import type { ClientView } from "../updates/Client.ts"
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
  /** What it holds of it stands at this revision, and so does that it is gone: what it may have again one day is no older than that. XS3 */
  readonly at?: bigint
  /** Digest of the text that the client can patch, or "". */
  readonly base: string
  /** The revision that its update has at least. DV6 */
  readonly least?: bigint
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

  /** DV6 */
  const isOther = (client: ClientView, before: Mark): boolean => {
    const newest = updates.standing(client, before.key)
    return newest !== undefined && (newest.version !== before.version || newest.digest !== before.digest)
  }

  return (session: Session, { key, held, withdrawn }: Look): Due | undefined => {
    const { client } = session.subscription
    const before = session.told.get(key)
    const now = propagation.position()
    if (withdrawn) return { gone: true, base: "", at: held?.revision || now.revision } // XS3
    if (before === undefined) {
      const newest = updates.standing(client, key)
      if (newest === undefined) {
        const gone = held !== undefined && held.digest !== "" && !isAhead(session, held, now.revision)
        return gone ? { gone: true, base: "" } : undefined
      }
      if (newest.kind === "deleted" && session.stage.name !== "live" && knowsGone(session, newest, held)) {
        session.holds(newest)
        return undefined
      }
      if (held === undefined || !isAhead(session, held, newest.revision)) return { gone: false, base: "" }
      if (!isAhead(session, held, now.revision)) return { gone: false, base: "", least: now.revision } // DV6
      // This node will reach that revision as well; until then it has nothing newer.
      session.holds({ ...newest, revision: held.revision - 1n, digest: "" })
      return undefined
    }
    const lost = !sameEpoch(before, now) // S2
    const target = updates.target(client, key)
    if (target === undefined) return before.kind === "value" ? { gone: true, base: "" } : undefined // P8
    const base = lost ? "" : session.base(key)
    if (lost || before.revision < target) return { gone: false, base }
    if (before.revision < now.revision && isOther(client, before)) return { gone: false, base, least: now.revision } // DV6
    return before.stale ? { gone: false, base } : undefined
  }
}
