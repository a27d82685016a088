/**
 * Port: keeps lists of ids and their pieces, each under its digest: what has a digest never changes. Fails `DatabaseUnavailable`,
 * `DatabaseReadOnly` or `Timeout`.
 *
 *   IL4  A list is there only when all its pieces are. What no version of a segment names goes after `KEPT`; until then it may be named.
 *   IL10 A segment says as many ids of its list as there are.
 *   IL11 To know a digest is no right to its ids: a list is named by who sends it, or who may read a segment that names it or did.
 */
import { Context, type Effect } from "effect"
import type { KeyScope } from "../access/KeyScope.ts"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { StoredList, StoredPiece } from "./IdList.ts"

/** Hours. */
export const KEPT = 24

export class IdListStore extends Context.Service<
  IdListStore,
  {
    /** Those of the digests that are not there. */
    readonly missing: (digests: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<string>, HeraldError>
    readonly putPieces: (pieces: ReadonlyArray<StoredPiece>) => Effect.Effect<void, HeraldError>
    /** Fails `NotFound` when a piece is not there. IL4 */
    readonly putList: (list: StoredList) => Effect.Effect<void, HeraldError>
    /** Undefined: there is none. */
    readonly list: (digest: string) => Effect.Effect<StoredList | undefined, HeraldError>
    /** Whether a version of a segment names it, of one of the environments ("*": any) and in the scope. IL11 */
    readonly isNamed: (
      digest: string,
      where: { readonly environments: ReadonlyArray<string>; readonly scope: KeyScope }
    ) => Effect.Effect<boolean, HeraldError>
    /** The first of these pieces, one at least where they are there: one page (PB1). */
    readonly pieces: (digests: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<StoredPiece>, HeraldError>
  }
>()("herald/flags/IdListStore") {}
