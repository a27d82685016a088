/**
 * Checks the shared cache's entry of every key, over and over, as other programs read there and may write there.
 *
 *   CW1  About `KEYS` keys and `BYTES` bytes a second and node, however many keys there are; what had to be taken away is put back from the log.
 */
import { Effect, type Scope } from "effect"
import { always } from "../telemetry/Every.ts"
import type { Head } from "./Configuration.ts"
import { type Heads, SLICE, slices } from "./Heads.ts"
import { SharedCache } from "./SharedCache.ts"

const KEYS = 250
const BYTES = 2 * 1_048_576

interface Parts {
  readonly heads: () => Heads
  readonly epoch: () => string
  readonly putBack: (head: Head) => Effect.Effect<void>
}

export const walk = Effect.fnUntraced(function* ({
  heads,
  epoch,
  putBack
}: Parts): Effect.fn.Return<void, never, Scope.Scope> {
  const { inspect } = yield* SharedCache
  if (inspect === undefined) return
  const round = Effect.gen(function* () {
    for (const environment of [...heads().environments()])
      for (const slice of slices(heads, environment, "*")) {
        const { gone, bytes } = yield* inspect(epoch(), slice)
        yield* Effect.forEach(gone, putBack, { discard: true })
        yield* Effect.sleep(1_000 * Math.max(slice.length / KEYS, bytes / BYTES)) // CW1
      }
    yield* Effect.sleep((1_000 * SLICE) / KEYS)
  })
  yield* Effect.forkScoped(always("the shared cache was not looked at", round))
})
