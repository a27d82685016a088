/**
 * Changes the ids of a segment: a part of Flags.
 *
 *   IL8  A change of ids is a version of the segment, whole or not at all, made on the version that is current when it is committed. What is added
 *        to and taken from is never a list that somebody else has changed meanwhile.
 *   IL9  Reading, sorting and writing them takes a few milliseconds of a turn of the event loop; one change at a time has a node's memory
 *        (held by breath and alone)
 */
import { Effect, Semaphore } from "effect"
import type { CommitOptions } from "../commits/Request.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { hashBytes } from "../evaluation/Murmur.ts"
import { Digest } from "../values/Digest.ts"
import { Slices } from "../work/Slices.ts"
import type { FlagDraft, FlagWritten } from "./FlagDraft.ts"
import {
  changedPiece,
  IDS,
  IDS_BYTES,
  type IdList,
  INLINE,
  Lines,
  listOf,
  type Mode,
  PIECES,
  type Piece,
  pieceWith,
  SHIFT,
  type StoredPiece
} from "./IdList.ts"
import { IdListStore } from "./IdListStore.ts"
import { IdLists } from "./IdLists.ts"
import { idsIn, type SegmentIds } from "./ListedIds.ts"
import { SentIds } from "./Naming.ts"
import { permit } from "./Reading.ts"
import type { Segment } from "./Segment.ts"
import { SegmentStore } from "./SegmentStore.ts"
import { SegmentView } from "./SegmentView.ts"

/** Bytes of ids that stand in their segment. */
const INLINE_BYTES = 65_536
/** Bytes of pieces that are written at once. */
const PAGE = 1_048_576
/** Pieces that are looked for at once. */
const ASKED = 128

/** What is written: its publish, under whatever it is known by when it comes again. */
export type Write = (
  action: "publish",
  options: CommitOptions,
  request: unknown,
  draft: (again: boolean) => Effect.Effect<FlagDraft, HeraldError>,
  place: { readonly kind: "segment"; readonly environment: string; readonly key: string },
  conditional: boolean
) => Effect.Effect<FlagWritten, HeraldError>

export interface IdsWritten extends FlagWritten {
  /** Ids that the segment's list has now. */
  readonly count: number
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** Ids by their pieces, as places in the text that they came in. */
interface Given {
  readonly of: (piece: number) => Array<Uint8Array>
  /** The same for the same ids in whatever order, as far as anybody would send by mistake. */
  readonly gist: object
  readonly lines: number
}

/** As it was committed, now or by the same request before. F4 */
const countIn = ({ committed }: FlagWritten, key: string): number => {
  const made = committed.revision.changes.find((change) => change.kind === "segment" && change.key === key)
  return idsIn(made?.definition).count ?? 0
}

export const makeIds = Effect.fnUntraced(function* (write: Write) {
  const view = yield* SegmentView
  const store = yield* SegmentStore
  const kept = yield* IdListStore
  const lists = yield* IdLists
  const digestOf = yield* Digest
  const slices = new Slices()
  const alone = yield* Semaphore.make(1)

  const breath = Effect.suspend(() => (slices.over() ? slices.turn : Effect.void)) // IL9

  /** IL2 */
  const given = Effect.fnUntraced(function* (text: Uint8Array) {
    const lines = new Lines(text)
    let [from, length, piece] = [new Uint32Array(1_024), new Uint16Array(1_024), new Uint16Array(1_024)]
    const counts = new Uint32Array(PIECES + 1)
    let [n, sum, xor] = [0, 0, 0]
    for (let id = lines.next(); id !== undefined; id = lines.next()) {
      if (typeof id === "string") return yield* failure("InvalidInput", `line ${lines.line} ${id}`)
      if (n === IDS) return yield* failure("TooLarge", `there are more than ${IDS} ids`)
      if (n === from.length) {
        const larger = <A extends Uint32Array | Uint16Array>(one: A): A => {
          const made = new (one.constructor as new (length: number) => A)(2 * one.length)
          made.set(one)
          return made
        }
        ;[from, length, piece] = [larger(from), larger(length), larger(piece)]
      }
      const hash = hashBytes(id)
      const at = hash >>> SHIFT
      from[n] = id.byteOffset - text.byteOffset
      length[n] = id.length
      piece[n] = at
      counts[at + 1]!++
      sum = (sum + hash) | 0
      xor ^= Math.imul(hash, 0x9e3779b1) + id.length
      n++
      if (n % 256 === 0) yield* breath
    }
    for (let at = 0; at < PIECES; at++) counts[at + 1]! += counts[at]!
    const order = new Uint32Array(n)
    const next = counts.slice()
    for (let at = 0; at < n; at++) {
      order[next[piece[at]!]!++] = at
      if (at % 16_384 === 0) yield* breath
    }
    return {
      of: (of) =>
        Array.from(order.subarray(counts[of]!, counts[of + 1]!), (at) =>
          text.subarray(from[at]!, from[at]! + length[at]!)
        ),
      gist: { lines: n, sum, xor },
      lines: n
    } satisfies Given
  })

  /** What the segment has now. */
  const piecesOf = Effect.fnUntraced(function* ({ digest, keys = [] }: SegmentIds) {
    if (digest !== undefined) {
      const list = yield* lists.read(digest)
      return list?.pieces ?? (yield* failure("NotFound", "the list of ids that is to be changed is not there"))
    }
    const text = yield* given(encoder.encode(keys.join("\n")))
    return Array.from(
      { length: PIECES },
      (_, at) => pieceWith(changedPiece(undefined, text.of(at), "add"), digestOf)?.piece
    )
  })

  const merged = Effect.fnUntraced(function* (mode: Mode, ids: Given, before: ReadonlyArray<Piece | undefined>) {
    const pieces: Array<Piece | undefined> = []
    const made: Array<StoredPiece> = []
    for (let at = 0; at < PIECES; at++) {
      yield* breath
      const changed = ids.of(at)
      if (changed.length === 0 && mode !== "replace") {
        pieces.push(before[at])
        continue
      }
      const piece = pieceWith(changedPiece(before[at], changed, mode), digestOf)
      pieces.push(piece?.piece)
      if (piece !== undefined) made.push(piece.stored)
    }
    const list = listOf(pieces, digestOf)
    const { count, bytes } = list.stored
    if (count > IDS || bytes > IDS_BYTES)
      return yield* failure(
        "TooLarge",
        `the list would have ${count} ids in ${bytes} bytes; ${IDS} in ${IDS_BYTES} are the most`
      )
    return { list, made }
  })

  /** IL4 */
  const keep = Effect.fnUntraced(function* (list: IdList, made: ReadonlyArray<StoredPiece>) {
    const missing = new Set<string>()
    const digests = made.map(({ digest }) => digest)
    for (let at = 0; at < digests.length; at += ASKED)
      for (const digest of yield* kept.missing(digests.slice(at, at + ASKED))) missing.add(digest)
    let page: Array<StoredPiece> = []
    let bytes = 0
    for (const piece of made) {
      if (!missing.has(piece.digest)) continue
      page.push(piece)
      bytes += piece.ids.length
      if (bytes < PAGE) continue
      yield* kept.putPieces(page)
      ;[page, bytes] = [[], 0]
    }
    if (page.length > 0) yield* kept.putPieces(page)
    yield* kept.putList(list.stored)
    lists.made(list)
  })

  const inline = (list: IdList): ReadonlyArray<string> =>
    list.pieces
      .flatMap((piece) => Array.from({ length: piece?.count ?? 0 }, (_, n) => decoder.decode(piece!.id(n))))
      .sort()

  /** `expected`: the version that is to be changed, which this node may not know yet. IL8 */
  const newest = Effect.fnUntraced(function* (
    environment: string,
    key: string,
    expected: number | undefined,
    again: boolean
  ) {
    const known = view.find(environment, key)
    const found =
      again || (expected !== undefined && expected !== known?.version)
        ? (yield* store.history(environment, key, { limit: 1, before: undefined }))[0]
        : known
    return found === undefined || found.deleted ? undefined : found
  })

  return Effect.fn("Flags.changeIds")(function* (
    environment: string,
    key: string,
    mode: Mode,
    text: Uint8Array,
    { expectedVersion, ...options }: CommitOptions & Pick<FlagDraft, "expectedVersion">
  ) {
    yield* permit("config.write", "segment", environment, key)
    return yield* alone.withPermit(
      Effect.gen(function* () {
        const ids = yield* given(text)
        const draft = Effect.fnUntraced(function* (again: boolean) {
          const current: Segment | undefined = yield* newest(environment, key, expectedVersion, again)
          if (current === undefined && mode === "remove")
            return yield* failure("NotFound", `there is no segment ${key} in ${environment} to take ids from`)
          const members = JSON.parse(current?.definition ?? "{}") as { readonly ids?: SegmentIds }
          const before = mode === "replace" ? [] : yield* piecesOf(members.ids ?? {})
          const { list, made } = yield* merged(mode, ids, before)
          const { count } = list.stored
          const few = count <= INLINE && list.stored.bytes <= INLINE_BYTES
          if (!few) yield* keep(list, made)
          const { digest } = list.stored
          return {
            kind: "segment",
            environment,
            key,
            definition: JSON.stringify({ ...members, ids: few ? { count, keys: inline(list) } : { count, digest } }),
            expectedVersion: expectedVersion ?? current?.version ?? 0
          } satisfies FlagDraft
        })
        // IL8
        const place = { kind: "segment", environment, key } as const
        const request = { ...place, expectedVersion, ids: { mode, ...ids.gist } }
        const written = yield* write("publish", options, request, draft, place, expectedVersion === undefined).pipe(
          Effect.provideService(SentIds, true) // IL11
        )
        return { ...written, count: countIn(written, key) } satisfies IdsWritten
      })
    )
  })
})
