/** What everything that the SDK has for topics stands on. */
import type { Clock } from "../Clock.ts"
import type { Reconnecting } from "./Lasting.ts"
import type { TopicTransport } from "./TopicTransport.ts"

export interface TopicHome {
  readonly transport: TopicTransport
  readonly clock: Clock
  readonly reconnect: Reconnecting
  /** Milliseconds that opening a producer may take. */
  readonly openMillis: number
  /** It ended by itself, and need not be closed with the client. */
  readonly closed: (one: { readonly close: () => Promise<void> }) => void
  /** Gets a line when something of the application failed and nobody waits for it. */
  readonly logger: (line: string) => void
}
