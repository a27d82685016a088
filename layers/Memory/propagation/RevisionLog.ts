/** RevisionLog over a `State`. */
import { Effect, Layer } from "effect"
import type { Revision } from "../../../src/propagation/Revision.ts"
import { RevisionLog } from "../../../src/propagation/RevisionLog.ts"
import { pageOf } from "../../../src/values/Page.ts"
import { bytesOf } from "../../../src/values/Value.ts"
import { State } from "../State.ts"

/** Bytes of a revision in a page: those of all fields of its changes. */
const sizeOf = ({ changes }: Revision) =>
  bytesOf(JSON.stringify(changes, (_, value) => (typeof value === "bigint" ? String(value) : value)))

export const layer = Layer.effect(
  RevisionLog,
  Effect.map(State.service, (state) =>
    RevisionLog.of({
      head: Effect.sync(() => ({ epoch: state.epoch, revision: state.head })),
      after: (revision, limit) =>
        Effect.sync(() => {
          const from = Number(revision) - state.swept
          return from < 0 ? undefined : pageOf(state.revisions.slice(from, from + limit), limit, sizeOf)
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
