/** RevisionLog over a `State`. */
import { Effect, Layer } from "effect"
import type { Revision } from "../../../src/propagation/Revision.ts"
import { RevisionLog } from "../../../src/propagation/RevisionLog.ts"
import { pageOf } from "../../../src/values/Page.ts"
import { bytesIn } from "../configuration/Bytes.ts"
import { State } from "../State.ts"

const bytesOfRevision = ({ changes }: Revision) => changes.reduce((sum, one) => sum + bytesIn(one), 0)

export const layer = Layer.effect(
  RevisionLog,
  Effect.map(State.service, (state) =>
    RevisionLog.of({
      head: Effect.sync(() => ({ epoch: state.epoch, revision: state.head })),
      after: (revision, limit) =>
        Effect.sync(() => {
          const from = Number(revision) - state.swept
          return from < 0 ? undefined : pageOf(state.revisions.slice(from, from + limit), limit, bytesOfRevision)
        }),
      hints: (onHint) =>
        Effect.acquireRelease(
          Effect.sync(() => state.listeners.add(onHint)),
          () => Effect.sync(() => state.listeners.delete(onHint))
        ),
      horizon: Effect.sync(() => BigInt(state.swept))
    })
  )
)
