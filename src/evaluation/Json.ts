/** What JSON can say. Pure, without imports: the SDK evaluates flags, too, and has nothing of Effect. */
export type Json = null | boolean | number | string | ReadonlyArray<Json> | { readonly [name: string]: Json }
