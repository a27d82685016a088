/**
 * Who is a person, as far as Herald can know: whoever can act with an API key. The functions of migration 0045 say the same in SQL (decision 0042). Pure.
 *
 *   AQ10 With an API key can act whose it is, who made it and so saw its token, and who made one of theirs, however far. Keys that somebody can both
 *        act with are of one person.
 *   AQ15 Whom the server itself let in is nobody's maker any more once they have no good key: what they handed out is with those who have it.
 *   AQ14 Approvals are counted by persons: those who meet are one, also through somebody else.
 */
import { system } from "../access/Identity.ts"

/** An API key: of whom, by whom, and until when (milliseconds since 1970). */
export interface Made {
  readonly id: string
  readonly name: string
  readonly createdBy: string
  readonly expiresAt: number | null
  readonly revokedAt: number | null
}

/** Who acts. A principal of an issuer or a certificate has no API key, and so no maker. */
export interface Acting {
  readonly name: string
  /** Public id of the API key; undefined, or none that is known: by all of the principal's. */
  readonly keyId: string | undefined
}

/** Principals who can act with what somebody showed. AQ10 */
const holdersOf = ({ name, keyId }: Acting, keys: ReadonlyArray<Made>): ReadonlySet<string> => {
  const own = keys.filter((key) => key.name === name)
  const shown = own.find(({ id }) => id === keyId)
  const makers = new Set((shown === undefined ? own : [shown]).map(({ createdBy }) => createdBy))
  for (const maker of makers) for (const key of keys) if (key.name === maker) makers.add(key.createdBy)
  makers.delete(system.name)
  return makers.add(name)
}

const isGood = ({ expiresAt, revokedAt }: Made, now: number) =>
  revokedAt === null && (expiresAt === null || expiresAt > now)

/** AQ15 */
const isRetired = (name: string, keys: ReadonlyArray<Made>, now: number): boolean => {
  const own = keys.filter((key) => key.name === name)
  const first = own.every(({ createdBy }) => createdBy === system.name || createdBy === name)
  return own.length > 0 && first && !own.some((key) => isGood(key, now))
}

/** Who can act as both, so that they are one person; undefined: they are two. */
export const meeting = (a: Acting, b: Acting, keys: ReadonlyArray<Made>, now: number): string | undefined => {
  const of = holdersOf(b, keys)
  const both = [...holdersOf(a, keys)].filter((name) => of.has(name))
  const own = (name: string) => name === a.name || name === b.name
  return both.find(own) ?? both.filter((name) => !isRetired(name, keys, now)).sort()[0]
}

/** Each with the person that it is of. AQ14 */
export const personsOf = (
  those: ReadonlyArray<Acting>,
  keys: ReadonlyArray<Made>,
  now: number
): ReadonlyMap<string, string> => {
  const found = new Map<string, string>()
  for (const one of those) {
    if (found.has(one.name)) continue
    const same = new Set([one])
    for (const a of same) for (const b of those) if (meeting(a, b, keys, now) !== undefined) same.add(b)
    const person = [...same].map(({ name }) => name).sort()[0]!
    for (const { name } of same) found.set(name, person)
  }
  return found
}
