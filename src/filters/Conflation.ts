/**
 * What makes two events the same thing at two moments, of which a slow reader needs the newer one alone. Pure.
 *
 *   CF6  Events are conflated only if they say the same key, of the same type; an event without one stands for itself.
 */
import { JsonFields } from "./JsonFields.ts"
import { valueOf } from "./Terms.ts"
import { wantedOf } from "./Wanted.ts"

/** Gives the key by which an event is conflated; undefined: it never is. */
export type KeyOf = (event: { readonly key: string | null; readonly payload: Uint8Array }) => string | undefined

export const byKey: KeyOf = ({ key }) => key ?? undefined

/** By a field of the payload: a text, a number or a truth value. CF6 */
export const byField = (name: string): KeyOf => {
  const wanted = wantedOf("dyn")
  wanted.whole = true
  const fields = new JsonFields(new Map([[name, wanted]]))
  return ({ payload }) => {
    if (!fields.read(payload)) return undefined
    const value = valueOf(fields.values[0])
    return value === undefined ? undefined : `${typeof value === "bigint" ? "number" : typeof value} ${value}`
  }
}
