/** Remembers the newest revision that this node saw, for which a promoted server and a replica are asked. */
import { type Position, replaces } from "../../../src/propagation/Position.ts"

export interface Seen extends Position {
  /** Milliseconds since 1970. It tells apart two revisions that have the same number. */
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
