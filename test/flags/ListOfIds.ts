/** A list of ids as a node makes it, for tests. */
import { digestOf } from "../../layers/Crypto/values/Sha256.ts"
import { changedPiece, type IdList, listOf, PIECES, pieceOf, pieceWith } from "../../src/flags/IdList.ts"

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
