/**
 * Decides when a value travels as the difference to what the client has, a JSON Patch (RFC 6902). Pure, and imports nothing but the patch, so
 * that the server and the SDK have the same rules.
 *
 *   DT1  A delta is sent only where what a client makes of it is the new text, byte for byte: the server asks `patched`, as the client does.
 *   DT2  It builds on the last that the client was sent of the key, if it took deltas, applied that, and that was a value. The client names
 *        nothing: whoever rejected it, has not answered yet or was told that the key is gone gets the whole text.
 *   DT3  A rendered template and a deletion travel whole: what was rendered for one client is no other's base.
 *   DT4  A client that can't use a delta asks for the whole text.
 */
import { applyTo, type Operation } from "./JsonPatch.ts"

/** Characters of either text. For longer ones, making a delta would take longer than sending the whole. */
const LONGEST = 65_536

/** Whether both texts are short enough. */
export const isShort = (from: string, to: string): boolean => from.length <= LONGEST && to.length <= LONGEST

/** The text that a client makes of a delta: compact JSON. Throws where it can't. DT4 */
export const patched = (from: string, delta: string): string =>
  JSON.stringify(applyTo(JSON.parse(from), JSON.parse(delta) as ReadonlyArray<Operation>))

/** Whether the delta takes a client from `from` to exactly `to`, and is shorter than `to`. DT1 */
export const leadsTo = (from: string, delta: string, to: string): boolean => {
  if (delta.length >= to.length) return false
  try {
    return patched(from, delta) === to
  } catch {
    return false
  }
}

/** The digest of the text that a client can patch; "" where there is none. `last`: what it was sent last of the key. DT2 */
export const baseOf = (
  accepts: boolean,
  answered: boolean,
  last: { readonly kind: "value" | "deleted"; readonly digest: string } | undefined
): string => (accepts && answered && last?.kind === "value" ? last.digest : "")

/** DT3 */
export const maySend = ({ deleted, template }: { readonly deleted: boolean; readonly template: boolean }): boolean =>
  !deleted && !template
