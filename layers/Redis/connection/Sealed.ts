/** Puts a seal into JSON as its last member, so that it can be checked on the text as it came, and other programs can read on. Pure. */
import type { Purpose, SealShape } from "../../../src/seals/Seal.ts"

const TAIL = /,"seal":"([0-9A-Za-z._-]{1,80})"\}$/
/** Characters that `TAIL` may have. */
const TAIL_AT_MOST = 100

/** `json`: an object with at least one member. */
export const sealedJson = (seal: SealShape, purpose: Purpose, json: string): string =>
  `${json.slice(0, -1)},"seal":"${seal.seal(purpose, json)}"}`

/** The JSON that was sealed; undefined when it has no seal, or a wrong one. */
export const openedJson = (seal: SealShape, purpose: Purpose, text: string): string | undefined => {
  const found = TAIL.exec(text.slice(-TAIL_AT_MOST))
  if (found === null) return undefined
  const json = `${text.slice(0, -found[0].length)}}`
  return seal.genuine(purpose, json, found[1]!) ? json : undefined
}
