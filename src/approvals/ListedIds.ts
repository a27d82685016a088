/**
 * Who is in the segments of a change request whose ids are kept beside them: read from the store when it is asked for, a page at a time.
 *
 *   AQ21 Whoever may read a request can see each id that it puts into a segment or takes out, and each that is in it then.
 */
import { Effect } from "effect"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { changedPiece, compare, PIECES, type Piece, pieceOf, pieceWith, readPiece } from "../flags/IdList.ts"
import { IdListStore } from "../flags/IdListStore.ts"
import { idsBeyond, idsIn, type SegmentIds } from "../flags/ListedIds.ts"
import { draftsOf } from "../schedules/Body.ts"
import { isNew, type NewWish, type ScheduleWish } from "../schedules/Schedule.ts"
import { excerpt } from "../text/Excerpt.ts"
import { Digest } from "../values/Digest.ts"
import { Slices } from "../work/Slices.ts"
import { bodyIn } from "./Body.ts"
import type { Held } from "./Held.ts"

export const sides = ["added", "removed", "all"] as const
export type Side = (typeof sides)[number]

/** `added` and `removed`: how many, with the first page. `next`: where the page behind it begins. */
export interface IdsPage {
  readonly added: number | undefined
  readonly removed: number | undefined
  readonly ids: ReadonlyArray<string>
  readonly next: string | undefined
}

interface Listed {
  readonly key: string
  readonly before: SegmentIds
  readonly after: SegmentIds
}

const definitionIn = (json: string | null | undefined): string | undefined =>
  json == null ? undefined : ((JSON.parse(json) as { readonly definition?: string | null }).definition ?? undefined)

/** Its segments of which ids are kept beside the definition, before it or with it. Pure. */
export const listedIn = ({ body, before, done }: Pick<Held, "body" | "before" | "done">): ReadonlyArray<Listed> => {
  const found: Array<Listed> = []
  const add = (key: string, was: string | undefined, is: string | null | undefined) => {
    const one = { key, before: idsIn(was), after: idsIn(is) }
    if (one.before.digest !== undefined || one.after.digest !== undefined) found.push(one)
  }
  if (body === "")
    for (const one of done) {
      if (one.kind === "segment") add(one.key, definitionIn(one.before), definitionIn(one.after))
    }
  else
    for (const wish of bodyIn(body).changes) {
      const drafts =
        wish.kind === "segment"
          ? [wish as typeof wish & { readonly definition: string | null }]
          : wish.kind === "schedule" && isNew(wish as ScheduleWish)
            ? draftsOf((wish as NewWish).body, "", {}).flags.filter(({ kind }) => kind === "segment")
            : []
      for (const { key, definition } of drafts) add(key, definitionIn(before[`segment/${key}`]), definition)
    }
  return found
}

const CURSOR = /^(\d{1,3})\.(\d{1,7})$/
/** Pieces of each side that are read at once: a page of the store, about. */
const AT_ONCE = 8

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export const makeListedIds = Effect.gen(function* () {
  const store = yield* IdListStore
  const digestOf = yield* Digest
  const slices = new Slices()

  /** Digests of its pieces, and those pieces that need no store. */
  const piecesOf = Effect.fnUntraced(function* ({ digest, keys = [] }: SegmentIds) {
    const here = new Map<string, Piece>()
    if (digest !== undefined) {
      const list = yield* store.list(digest)
      if (list === undefined) return yield* failure("NotFound", "the list of ids is no longer kept")
      return { names: list.pieces, here }
    }
    const names: Array<string> = Array.from({ length: PIECES }, () => "")
    const given: Array<Array<Uint8Array>> = Array.from({ length: PIECES }, () => [])
    for (const id of keys.map((key) => encoder.encode(key)).sort(compare)) given[pieceOf(id)]!.push(id)
    given.forEach((ids, at) => {
      const made = pieceWith(changedPiece(undefined, ids, "add"), digestOf)
      if (made === undefined) return
      names[at] = made.piece.digest
      here.set(made.piece.digest, made.piece)
    })
    return { names, here }
  })

  const reading = Effect.fnUntraced(function* (here: ReadonlyMap<string, Piece>, digests: ReadonlyArray<string>) {
    const found = new Map(here)
    let missing = [...new Set(digests)].filter((one) => one !== "" && !found.has(one))
    while (missing.length > 0) {
      const page = yield* store.pieces(missing)
      if (page.length === 0) return yield* failure("NotFound", "the list of ids is no longer kept")
      for (const one of page) found.set(one.digest, readPiece(one))
      missing = missing.filter((one) => !found.has(one))
    }
    return found
  })

  return Effect.fnUntraced(function* (
    held: Held,
    segment: string,
    side: Side,
    { limit, after }: { readonly limit: number; readonly after: string | undefined }
  ): Effect.fn.Return<IdsPage, HeraldError> {
    const listed = listedIn(held).find(({ key }) => key === segment)
    if (listed === undefined)
      return yield* failure(
        "NotFound",
        `${held.request.key} changes no segment ${excerpt(segment)} that has a list of ids of its own`
      )
    const [, place = "0", behind = "0"] = CURSOR.exec(after ?? "0.0") ?? []
    if (after !== undefined && !CURSOR.test(after))
      return yield* failure("InvalidInput", `${excerpt(after)} is not the next of a page`)
    const [was, is] = [yield* piecesOf(listed.before), yield* piecesOf(listed.after)]
    const here = new Map([...was.here, ...is.here])
    const counts = after === undefined
    let [added, removed, next] = [0, 0, undefined as string | undefined]
    const ids: Array<string> = []
    const differs = (at: number) => was.names[at] !== is.names[at]
    const places = Array.from({ length: PIECES }, (_, at) => at).filter(
      (at) => at >= Number(place) && (differs(at) || side === "all")
    )
    for (let from = 0; from < places.length && (counts || next === undefined); from += AT_ONCE) {
      const some = places.slice(from, from + AT_ONCE).filter((at) => next === undefined || differs(at))
      const found = yield* reading(
        here,
        some.flatMap((at) => [was.names[at]!, is.names[at]!])
      )
      for (const at of some) {
        if (slices.over()) yield* slices.turn
        const [old, now] = [found.get(was.names[at]!), found.get(is.names[at]!)]
        const [more, less] = [idsBeyond(now, old), idsBeyond(old, now)]
        added += more.length
        removed += less.length
        if (next !== undefined) continue
        const its = side === "added" ? more : side === "removed" ? less : idsBeyond(now, undefined)
        const first = at === Number(place) ? Number(behind) : 0
        const room = its.slice(first, first + limit - ids.length)
        ids.push(...room.map((id) => decoder.decode(id)))
        if (first + room.length < its.length) next = `${at}.${first + room.length}`
      }
    }
    return { added: counts ? added : undefined, removed: counts ? removed : undefined, ids, next }
  })
})
