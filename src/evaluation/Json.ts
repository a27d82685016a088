/** What JSON can say. Pure, without imports: the SDK evaluates flags, too, and has nothing of Effect. */
export type Json = null | boolean | number | string | ReadonlyArray<Json> | { readonly [name: string]: Json }

export type Members = { readonly [name: string]: Json }

/** An object, as JSON has them. */
export const isMembers = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value)
