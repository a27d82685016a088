/**
 * The lists of ids that this node holds: those that its segments name, read beside everything else.
 *
 *   IL5  Somebody is in a list, is not, or the list isn't loaded yet: then `NotLoaded` is thrown. A list that takes another one's place is waited
 *        for, for `LATE` at most, while that one still answers.
 *   IL6  A node holds the ids of its lists once, with four bytes beside each, and pieces that several lists have once, too. What no segment names is let go.
 *   IL7  Lists are read a page at a time; nothing waits for them but who asks for them, and what can't be read is read again.
 */
import { Clock, Context, Deferred, Effect, Layer } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import { NotLoaded } from "../evaluation/Engine.ts"
import { always } from "../telemetry/Every.ts"
import { Slices } from "../work/Slices.ts"
import { IdList, type Piece, readPiece, type StoredPiece } from "./IdList.ts"
import { IdListStore } from "./IdListStore.ts"

/** Milliseconds. IL5 */
export const LATE = 10_000
const AGAIN = "1 second"

interface Wanted {
  readonly environment: string
  readonly key: string
  readonly digest: string
  /** What it had before, and may still answer until then. */
  readonly before: IdList | undefined
  readonly until: number
  list: IdList | undefined
}

export class IdLists extends Context.Service<
  IdLists,
  {
    /** The segment's list is this one; undefined: it has none. Synchronous. */
    readonly want: (environment: string, key: string, digest: string | undefined) => void
    /** These are all that segments name. Synchronous. */
    readonly begin: (wanted: ReadonlyArray<readonly [environment: string, key: string, digest: string]>) => void
    /** Throws `NotLoaded`. IL5 */
    readonly has: (environment: string, key: string, id: string) => boolean
    /** A list that was made here: it needs not be read. */
    readonly made: (list: IdList) => void
    /** Reads a list, from this node or the store. Undefined: there is none. */
    readonly read: (digest: string) => Effect.Effect<IdList | undefined, HeraldError>
    /** Calls synchronously with each segment whose list came later than it. */
    readonly loaded: (heard: (environment: string, key: string) => void) => void
  }
>()("herald/flags/IdLists") {
  static readonly layer = Layer.effect(
    IdLists,
    Effect.suspend(() => make)
  )
}

const make = Effect.gen(function* () {
  const store = yield* IdListStore
  const clock = yield* Clock.Clock
  const slices = new Slices()
  const wanted = new Map<string, Wanted>()
  /** Lists and pieces by their digests, as long as somebody has them. IL6 */
  const lists = new Map<string, WeakRef<IdList>>()
  const pieces = new Map<string, WeakRef<Piece>>()
  /** Made here a moment ago, so that it is there when its segment comes. */
  let latest: IdList | undefined
  const listeners: Array<(environment: string, key: string) => void> = []
  let wake = yield* Deferred.make<void>()

  const idOf = (environment: string, key: string) => `${environment}/${key}`
  const known = (digest: string) => lists.get(digest)?.deref()

  const keep = (list: IdList): void => {
    lists.set(list.stored.digest, new WeakRef(list))
    for (const piece of list.pieces) if (piece !== undefined) pieces.set(piece.digest, new WeakRef(piece))
    for (const kept of [lists, pieces]) {
      if (kept.size < 4_096) continue
      for (const [digest, ref] of kept) if (ref.deref() === undefined) kept.delete(digest)
    }
  }

  const want = (environment: string, key: string, digest: string | undefined): void => {
    const id = idOf(environment, key)
    const before = wanted.get(id)
    if (digest === undefined) {
      wanted.delete(id)
      return
    }
    if (before?.digest === digest) return
    const list = known(digest)
    wanted.set(id, {
      environment,
      key,
      digest,
      before: list === undefined ? (before?.list ?? before?.before) : undefined,
      // Of the list that answers meanwhile, however many come after it.
      until:
        before?.list === undefined && before?.before !== undefined
          ? before.until
          : clock.currentTimeMillisUnsafe() + LATE,
      list
    })
    if (list === undefined) Deferred.doneUnsafe(wake, Effect.void)
  }

  const read = Effect.fnUntraced(function* (digest: string) {
    const held = known(digest)
    if (held !== undefined) return held
    const stored = yield* store.list(digest)
    if (stored === undefined) return undefined
    const found = new Map<string, Piece>()
    for (const one of stored.pieces) {
      const piece = pieces.get(one)?.deref()
      if (piece !== undefined) found.set(one, piece)
    }
    let missing = [...new Set(stored.pieces)].filter((one) => one !== "" && !found.has(one))
    while (missing.length > 0) {
      const page: ReadonlyArray<StoredPiece> = yield* store.pieces(missing) // IL7
      if (page.length === 0) return undefined
      for (const one of page) {
        if (slices.over()) yield* slices.turn
        found.set(one.digest, readPiece(one))
      }
      missing = missing.filter((one) => !found.has(one))
    }
    const list = new IdList(
      stored,
      stored.pieces.map((one) => found.get(one))
    )
    keep(list)
    return list
  })

  /** IL7 */
  const loading = Effect.gen(function* () {
    yield* Deferred.await(wake)
    wake = yield* Deferred.make<void>()
    let left = false
    for (const one of [...wanted.values()]) {
      if (one.list !== undefined) continue
      const list = yield* Effect.catch(read(one.digest), () => Effect.undefined)
      if (wanted.get(idOf(one.environment, one.key)) !== one) continue
      if (list === undefined) {
        left = true
        continue
      }
      wanted.set(idOf(one.environment, one.key), { ...one, list, before: undefined })
      for (const heard of listeners) heard(one.environment, one.key)
    }
    if (!left) return
    yield* Effect.sleep(AGAIN)
    Deferred.doneUnsafe(wake, Effect.void)
  })
  yield* Effect.forkScoped(always("lists of ids were not read", loading))

  return IdLists.of({
    want,
    begin: (all) => {
      const ids = new Set(all.map(([environment, key]) => idOf(environment, key)))
      for (const id of wanted.keys()) if (!ids.has(id)) wanted.delete(id)
      for (const [environment, key, digest] of all) want(environment, key, digest)
    },
    has: (environment, key, id) => {
      const one = wanted.get(idOf(environment, key))
      const list =
        one?.list ?? (one !== undefined && clock.currentTimeMillisUnsafe() < one.until ? one.before : undefined)
      if (list === undefined) throw new NotLoaded()
      return list.has(id)
    },
    made: (list) => {
      latest = list
      keep(latest)
    },
    read,
    loaded: (heard) => void listeners.push(heard)
  })
})
