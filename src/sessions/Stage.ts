/**
 * Where a session is in its life: opening → comparing → live → leaving → over. A stage is what the session holds there, and no more; Session.ts
 * goes from one to the next.
 *
 *   SG1  A session never goes back to a stage, and in whichever it ends, all that it holds there is given back, once: the room that its
 *        hello takes and its keys at once, its place when its actor has stopped.
 */

import type { ControlUpdate } from "../updates/Update.ts"
import type { Ending } from "./Ending.ts"
import type { Held, HeldEntry } from "./Held.ts"

/** A key to be compared with the view. `held`: what the client said of it, when that was not compared yet. */
export interface Look {
  readonly key: string
  readonly held: HeldEntry | undefined
}

/** Keys that are compared bit by bit; undefined is a step without one. */
export type Keys = Iterator<Look | undefined, void>

/** What a session has of its node: its quota, what it is told of, and its instance. */
export interface Place {
  /** Once. True when the instance was still this session's. */
  readonly give: () => boolean
}

export type Stage =
  /** It is being made, in one go with the next; nobody knows of it. */
  | { readonly name: "opening"; readonly hello: Held }
  /** All that the client holds or should have is compared with the view. It has not heard yet that it is up to date. */
  | { readonly name: "comparing"; readonly place: Place; readonly hello: Held; keys: Keys | undefined }
  /** It was up to date, and hears what changes. `keys`: they are compared once more, as news were lost. */
  | {
      readonly name: "live"
      readonly place: Place
      keys: Keys | undefined
      /** It has to hear whether the view is confirmed, as soon as nothing waits for it any more. */
      owes: boolean
      /** What it was last told of the whole; undefined when it does not understand that. DV4 */
      said: ControlUpdate | undefined
    }
  /** How it ends is decided; its actor has not stopped yet. */
  | { readonly name: "leaving"; readonly place: Place | undefined; readonly ending: Ending }
  | { readonly name: "over"; readonly ending: Ending }
