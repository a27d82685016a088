/** IdListStore in memory. */
import { Effect, Layer } from "effect"
import { inKeyScope } from "../../../src/access/KeyScope.ts"
import { failure } from "../../../src/errors/HeraldError.ts"
import { IdListStore } from "../../../src/flags/IdListStore.ts"
import { pageOf } from "../../../src/values/Page.ts"
import { State } from "../State.ts"
import { IdListTables } from "./IdListTables.ts"
import { Tables } from "./Tables.ts"

export const layer = Layer.effect(
  IdListStore,
  Effect.map(State.service, (state) => {
    const { pieces, lists } = state.tables(IdListTables)
    return IdListStore.of({
      missing: (digests) => Effect.sync(() => digests.filter((digest) => !pieces.has(digest))),
      putPieces: (put) =>
        Effect.sync(() => {
          for (const piece of put) pieces.set(piece.digest, piece)
        }),
      putList: (list) =>
        list.pieces.every((digest) => digest === "" || pieces.has(digest))
          ? Effect.sync(() => void lists.set(list.digest, list))
          : failure("NotFound", "a piece of the list of ids is not there"),
      list: (digest) => Effect.sync(() => lists.get(digest)),
      isNamed: (digest, { environments, scope }) =>
        Effect.sync(() =>
          [...state.tables(Tables).of("segment").versions.values()].some((versions) =>
            versions.some(
              (one) =>
                one.list === digest &&
                (environments.includes("*") || environments.includes(one.environment)) &&
                inKeyScope(scope, one.key)
            )
          )
        ),
      pieces: (digests) =>
        Effect.sync(() =>
          pageOf(
            digests.flatMap((digest) => pieces.get(digest) ?? []),
            digests.length,
            ({ ids }) => ids.length
          )
        )
    })
  })
)
