/**
 * Where a session is in its life: opening → comparing → live → leaving → over. A stage is what the session holds there, and no more; Session.ts
 * goes from one to the next.
 *
 *   SG1  A session never goes back to an earlier stage. Whichever it ends in, all that it holds there is given back, once: its hello's
 *        bytes and its keys immediately, its place when its actor has stopped.
 */

import type { ControlUpdate } from "../updates/Update.ts"
import type { Ending } from "./Ending.ts"
import type { Held, HeldEntry } from "./Held.ts"

/** A key to be compared with the view. `held`: what the client said it holds of it, if that is not compared yet. */
export interface Look {
  readonly key: string
  readonly held: HeldEntry | undefined
  /** The client holds it, asks for it, and may not have it. XS3 */
  readonly withdrawn?: true
}

/** Keys to compare, pulled one at a time; undefined is a step without one. */
export type Keys = Iterator<Look | undefined, void>

/** What a session occupies on its node: a stream of its quotas, its patterns, its instance. */
export interface Place {
  /** Gives it back; to be called once. True when the instance was still this session's. */
  readonly give: () => boolean
}

export type Stage =
  /** It is being made; nobody else ever sees this stage. */
  | { readonly name: "opening"; readonly hello: Held }
  /** All that the client holds or should have is being compared with the view. It has not heard yet that it is up to date. */
  | { readonly name: "comparing"; readonly place: Place; readonly hello: Held; keys: Keys | undefined }
  /** It was up to date, and hears what changes. `keys`: those to compare once more, because events were lost. */
  | {
      readonly name: "live"
      readonly place: Place
      keys: Keys | undefined
      /** It has to hear whether the view is confirmed, once nothing is left to send. */
      owes: boolean
      /** The last control message that it was sent; undefined when it takes none. DV4 */
      said: ControlUpdate | undefined
    }
  /** How it ends is decided; its actor has not stopped yet. */
  | { readonly name: "leaving"; readonly place: Place | undefined; readonly ending: Ending }
  | { readonly name: "over"; readonly ending: Ending }
