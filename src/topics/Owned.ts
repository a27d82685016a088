/**
 * Whose a producer is, as logs and stores know it: a principal's, or Herald's own. Pure.
 *
 *   TM5  A producer is known by its principal and the id that this gave it: two principals that name one the same have two, and none of Herald's own
 *        can be named by anybody.
 */
import { PRODUCER_LENGTH, type Producing } from "./Batch.ts"

/** No principal has it in its name. PN2 */
const BETWEEN = ":"

/** Characters of a producer as it is known: a principal's name has at most 128. TM5 */
export const OWNED_LENGTH = PRODUCER_LENGTH + 1 + 128

/** TM5 */
export const ownedProducer = (principal: string, producer: string): string => `${principal}${BETWEEN}${producer}`

/** As logs know it. */
export const owned = (producing: Producing | undefined, principal: string): Producing | undefined =>
  producing === undefined ? undefined : { ...producing, producer: ownedProducer(principal, producing.producer) }

/** One of Herald's own. TM5 */
export const systemProducer = (producer: string): string => `${BETWEEN}${producer}`

/** As its principal named it. */
export const producerOf = (owned: string): string => owned.slice(owned.indexOf(BETWEEN) + 1)

/** Whose it is, with what is between: all of a principal's begin so. */
export const ownerOf = (owned: string): string => owned.slice(0, owned.indexOf(BETWEEN) + 1)
