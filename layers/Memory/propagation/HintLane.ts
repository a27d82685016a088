/** A lane of hints between nodes in one process. */
import { Effect } from "effect"
import { layerLane } from "../../../src/propagation/HintLanes.ts"
import type { Hub } from "../Hub.ts"

export const layer = ({ listeners }: Pick<Hub, "listeners">) =>
  layerLane(
    Effect.succeed({
      name: "memory",
      tell: (revision) =>
        Effect.sync(() => {
          for (const listener of listeners) listener.revision(revision)
        }),
      listen: (on) =>
        Effect.asVoid(
          Effect.acquireRelease(
            Effect.sync(() => {
              listeners.add(on)
              on.gap()
            }),
            () => Effect.sync(() => listeners.delete(on))
          )
        )
    })
  )
