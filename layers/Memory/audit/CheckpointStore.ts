/** Keeps checkpoints as long as the process lives. */
import { Effect, Layer } from "effect"
import { CheckpointStore } from "../../../src/audit/CheckpointStore.ts"

export const layer = Layer.sync(CheckpointStore, () => {
  let lines: ReadonlyArray<string> = []
  return CheckpointStore.of({
    read: Effect.sync(() => lines),
    append: (line) =>
      Effect.sync(() => {
        lines = [...lines, line]
      }),
    replace: (all) =>
      Effect.sync(() => {
        lines = all
      })
  })
})
