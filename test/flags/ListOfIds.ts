/** A list of ids as a node makes it, for tests. */
import { Deferred, Effect, Layer } from "effect"
import { digestOf } from "../../layers/Crypto/values/Sha256.ts"
import { changedPiece, type IdList, listOf, PIECES, pieceOf, pieceWith } from "../../src/flags/IdList.ts"
import { IdListStore } from "../../src/flags/IdListStore.ts"

const encoder = new TextEncoder()

export const listWith = (ids: ReadonlyArray<string>): IdList => {
  const by = Map.groupBy(
    ids.map((id) => encoder.encode(id)),
    pieceOf
  )
  return listOf(
    Array.from(
      { length: PIECES },
      (_, at) => pieceWith(changedPiece(undefined, by.get(at) ?? [], "add"), digestOf)?.piece
    ),
    digestOf
  )
}

export const many = (count: number, prefix = "user") => Array.from({ length: count }, (_, n) => `${prefix}-${n}`)

/** Holds back what is read of lists, while a test says so. */
export const gate: { wait: Deferred.Deferred<void> | undefined; reads: number } = { wait: undefined, reads: 0 }
export const slow = Layer.effect(
  IdListStore,
  Effect.map(IdListStore, (real) =>
    IdListStore.of({
      ...real,
      list: (digest) =>
        Effect.suspend(() => {
          gate.reads++
          return gate.wait === undefined
            ? real.list(digest)
            : Effect.andThen(Deferred.await(gate.wait), real.list(digest))
        })
    })
  )
)

/** A list that another node made. */
export const elsewhere = Effect.fnUntraced(function* (ids: ReadonlyArray<string>) {
  const store = yield* IdListStore
  const { stored, pieces } = listWith(ids)
  const utf8 = new TextDecoder()
  yield* store.putPieces(
    pieces.flatMap((piece) => (piece ? { digest: piece.digest, ids: utf8.decode(piece.bytes) } : []))
  )
  yield* store.putList(stored)
  return { ids: { count: stored.count, digest: stored.digest } }
})
