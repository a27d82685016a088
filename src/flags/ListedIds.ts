/** The list of ids that a segment names, as its definition says it: looked at, compared, and held against what is stored. Pure. */
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { compare, type Piece, type StoredList } from "./IdList.ts"

/** `digest` undefined: it has its ids, which are few, in its definition. */
export interface SegmentIds {
  readonly count?: number
  readonly digest?: string
  readonly keys?: ReadonlyArray<string>
}

/** Of a definition that was checked, or of none. */
export const idsIn = (definition: string | null | undefined): SegmentIds =>
  (JSON.parse(definition || "{}") as { readonly ids?: SegmentIds }).ids ?? {}

/** `stored`: what is there under its digest. A store says the same under the lock, as what an approver reads of it would be its author's word. IL10 */
export const listProblem = (
  {
    environment,
    key,
    definition
  }: { readonly environment: string; readonly key: string; readonly definition: string | null },
  stored: Pick<StoredList, "count"> | undefined
): HeraldError | undefined => {
  const { count } = idsIn(definition)
  if (stored?.count === count && stored !== undefined) return undefined
  const why =
    stored === undefined
      ? `${key} names a list of ids that is not there`
      : `${key} says of its list that it has ${count} ids; it has ${stored.count}`
  return failure("InvalidSegment", why, { details: { key, environment } })
}

/** The ids of a piece that another one of the same place has not, in their order. */
export const idsBeyond = (of: Piece | undefined, than: Piece | undefined): ReadonlyArray<Uint8Array> => {
  const found: Array<Uint8Array> = []
  let at = 0
  for (let n = 0; n < (of?.count ?? 0); n++) {
    const id = of!.id(n)
    while (than !== undefined && at < than.count && compare(than.id(at), id) < 0) at++
    if (than === undefined || at >= than.count || compare(than.id(at), id) !== 0) found.push(id)
  }
  return found
}
