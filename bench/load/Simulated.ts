/** What a crowd knows of a client, whatever it speaks. */

/** The last update of a key. */
export interface Has {
  version: number
  revision: number
  epoch: string
  stale: boolean
  digest: string
}

export interface Simulated {
  /** The last update of each key. */
  readonly has: Map<string, Has>
  /** Which of the crowd it is: it comes back under the same name. */
  readonly number: number
  /** It was here before: nobody waits for its snapshot. */
  returning: boolean
  /** The server said that it is not sure. */
  unsure: boolean
  spokeAt: number
  synced: boolean
  over: boolean
  readonly close: () => void
  /** Says that it is there. */
  readonly beat: () => void
}

/** Why the server has this one no more. */
export class PeerAway extends Error {
  override readonly name = "PeerAway"
}
