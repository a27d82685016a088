/** What tests replace, and what evaluates flags says of those that come. */
import type { CheckFlag } from "./ClientFlags.ts"
import type { Clock } from "./Clock.ts"
import type { Transport } from "./Transport.ts"
import type { TopicTransport } from "./topics/TopicTransport.ts"

export interface Surroundings {
  readonly clock?: Clock | undefined
  readonly transport?: Transport | undefined
  readonly topics?: TopicTransport | undefined
  readonly checkFlag?: CheckFlag | undefined
}
