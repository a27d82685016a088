import type { Ended } from "./Transport.ts"

/** Why a question has no answer. */
export class NotAnswered extends Error {
  override readonly name = "NotAnswered"
  readonly ended: Ended
  constructor(ended: Ended) {
    super(ended.message)
    this.ended = ended
  }
}
