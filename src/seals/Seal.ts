/**
 * Port: how nodes know what is their own. Lanes, shared caches and the event log are places where others can write; a seal can be made
 * only by who reads the database.
 *
 *   SE1  A seal is of one text and one purpose: it says nothing of any other.
 *   SE2  What has no seal, or a wrong one, is a hint that something may have happened, never a value. Decision 0013.
 */
import { Context, type Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"

/** What a sealed text is for. */
export type Purpose = "lane" | "entry" | "event"

export interface SealShape {
  /** A word of letters, digits and `.-_`. */
  readonly seal: (purpose: Purpose, text: string) => string
  /** By the keys that this node knows now; of a key that it does not know it asks soon. */
  readonly genuine: (purpose: Purpose, text: string, seal: string) => boolean
  /** As `genuine`, and what this node does not know it asks the database at once. Fails when that can't be asked. */
  readonly verify: (purpose: Purpose, text: string, seal: string) => Effect.Effect<boolean, HeraldError>
}

export class Seal extends Context.Service<Seal, SealShape>()("herald/seals/Seal") {}
