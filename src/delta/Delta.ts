/**
 * Values that travel as the difference to what the client has: JSON Patch (RFC 6902). The rules of both ends. Pure, and without imports but the
 * patch, so that the server and the SDK have the same.
 *
 *   DT1  A delta is sent only where what a client makes of it is the new text, byte for byte: the server asks `patched`, as the client does.
 *   DT2  It builds on the last that the client was sent of the key, if it took deltas, applied that, and that was a value. The client names
 *        nothing: whoever rejected it, has not answered yet or was told that the key is gone gets the whole text.
 *   DT3  A rendered template and a deletion travel whole: what was rendered for one client is no other's base.
 *   DT4  A client that can't use a delta asks for the whole text.
 */
import { applyTo, type Operation } from "./JsonPatch.ts"

/** Characters of either text; a delta of more would take longer to make than to send. */
const LONGEST = 65_536

/** May one be made from texts of this length? */
export const isShort = (from: string, to: string): boolean => from.length <= LONGEST && to.length <= LONGEST

/** What a client makes of it: compact JSON. Throws where it can't. DT4 */
export const patched = (from: string, delta: string): string =>
  JSON.stringify(applyTo(JSON.parse(from), JSON.parse(delta) as ReadonlyArray<Operation>))

/** Would a client that has `from` come to `to`, by less than the whole text? DT1 */
export const leadsTo = (from: string, delta: string, to: string): boolean => {
  if (delta.length >= to.length) return false
  try {
    return patched(from, delta) === to
  } catch {
    return false
  }
}

/** Digest of the text that a client can patch; "" for none. `last`: what it was sent last of the key. DT2 */
export const baseOf = (
  accepts: boolean,
  answered: boolean,
  last: { readonly kind: "value" | "deleted"; readonly digest: string } | undefined
): string => (accepts && answered && last?.kind === "value" ? last.digest : "")

/** DT3 */
export const maySend = ({ deleted, template }: { readonly deleted: boolean; readonly template: boolean }): boolean =>
  !deleted && !template
