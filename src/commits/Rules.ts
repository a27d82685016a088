/**
 * What has to be true of a release besides the rules of its kinds: whoever has such rules gives them here, and every use case that commits asks. A
 * room below none of them.
 */
import { Context, Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Release } from "./Release.ts"

export interface Judged extends Pick<Release, "action" | "changes"> {
  /** Why it is to be done nonetheless; undefined: nobody says that it is. */
  readonly breakGlass: string | undefined
}

/** The basis of the release, with what it was judged by. Fails where a rule is against it. `again`: what is known was outdated. */
export type Judge = (
  release: Judged,
  basis: object | undefined,
  again: boolean
) => Effect.Effect<object | undefined, HeraldError>

export const Rules = Context.Reference<Judge>("herald/commits/Rules", {
  defaultValue: () => (_, basis) => Effect.succeed(basis)
})
