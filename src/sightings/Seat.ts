/** What a rollout has to know of a session, and of a report of its health. Pure. */
import type { ClientView } from "../updates/Client.ts"
import type { Mark } from "../updates/Update.ts"

/** What is known of a session. */
export interface Seat {
  readonly ref: string
  readonly connectedAt: number
  readonly subscription: { readonly client: ClientView; readonly patterns: ReadonlyArray<string> }
  /** What it was told of a key last, and whether it has applied all of it. */
  readonly told: { readonly get: (key: string) => Mark | undefined; readonly isDone: (key: string) => boolean }
}

export interface Report {
  readonly revision: bigint
  readonly health: "healthy" | "degraded" | "unhealthy"
  readonly message: string
  readonly metrics: Readonly<Record<string, number>>
}
