/** The newest revision that this node saw: what it asks of a promoted server, and of a replica. */
import { type Position, replaces } from "../../../src/propagation/Position.ts"

export interface Seen extends Position {
  /** Milliseconds since 1970: two revisions of one number differ by it. */
  readonly committedAt: number
}

export interface Witness {
  readonly newest: () => Seen | undefined
  readonly saw: (seen: Seen) => void
}

export const makeWitness = (): Witness => {
  let newest: Seen | undefined
  return {
    newest: () => newest,
    saw: ({ epoch, revision, committedAt }) => {
      if (revision > 0n && replaces({ epoch, revision }, newest)) newest = { epoch, revision, committedAt }
    }
  }
}
