/**
 * What has to be true of a release besides the rules of its kinds: whoever has such rules gives them here, and every use case that commits asks.
 */
import { Context, Effect } from "effect"
import type { Identity } from "../access/Identity.ts"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Release, Wish } from "./Release.ts"

export interface Judged extends Pick<Release, "action" | "changes"> {
  /** Why, as history is to say it. */
  readonly message: string
  /** Why it is to be done nonetheless; undefined: nobody says that it is. */
  readonly breakGlass: string | undefined
  /** What keeps its changes to itself is to be ended with it. */
  readonly force: boolean
  readonly identity: Identity
}

export interface Judgement {
  /** What the release was checked against, with what it was judged by. */
  readonly basis: object | undefined
  /** What is committed with it. */
  readonly besides: ReadonlyArray<Wish>
  /** What is committed in its place, as it is to wait (`AsRequest`). */
  readonly instead?: ReadonlyArray<Wish>
}

/** `basis`: what the release was checked against. Fails where a rule is against it. `again`: what is known was outdated. */
export type Judge = (
  release: Judged,
  basis: object | undefined,
  again: boolean
) => Effect.Effect<Judgement, HeraldError>

export const Rules = Context.Reference<Judge>("herald/commits/Rules", {
  defaultValue: () => (_, basis) => Effect.succeed({ basis, besides: [] })
})
