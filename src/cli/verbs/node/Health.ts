/** What a server says of itself to everybody: `/readyz`. */
import * as Effect from "effect/Effect"
import type { Invocation } from "../../Globals.ts"

export interface Health {
  readonly status: string
  readonly degraded: ReadonlyArray<string>
  readonly epoch: string | undefined
  readonly revision: number | undefined
  /** How many there are of each kind; undefined of a server that does not say. */
  readonly holds: Readonly<Record<string, number>> | undefined
  /** Of the server's package. */
  readonly version: string | undefined
  /** What the server's clock said; "" when it said nothing. */
  readonly date: string
}

export const healthOf = Effect.fnUntraced(function* (here: Invocation) {
  const { body, date } = yield* here.call({ method: "GET", path: "/readyz", accepts: [503], patient: false })
  const { status, degraded, epoch, revision, holds, version } = (body ?? {}) as Partial<Health>
  return {
    status: typeof status === "string" ? status : "unknown",
    degraded: Array.isArray(degraded) ? degraded : [],
    epoch,
    revision,
    holds: typeof holds === "object" && holds !== null ? holds : undefined,
    version,
    date
  } satisfies Health
})
