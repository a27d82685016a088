/**
 * Port: how nodes recognise what is their own. Others can write to lanes, shared caches and the event log; only whoever can read the
 * database can make a seal.
 *
 *   SE1  A seal is for one text and one purpose: it says nothing of any other.
 *   SE2  What has no seal, or a wrong one, is a hint that something may have happened, never a value. Decision 0013.
 */
import { Context, type Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"

/** What a sealed text is for. */
export type Purpose = "lane" | "entry" | "event"

export interface SealShape {
  /** The seal: a word of letters, digits and `.-_`. */
  readonly seal: (purpose: Purpose, text: string) => string
  /** By the keys that this node knows now; a key that it does not know it asks for soon. */
  readonly genuine: (purpose: Purpose, text: string, seal: string) => boolean
  /** As `genuine`, but a key that this node does not know it asks the database for, now. Fails `DatabaseUnavailable` or `Timeout`. */
  readonly verify: (purpose: Purpose, text: string, seal: string) => Effect.Effect<boolean, HeraldError>
}

export class Seal extends Context.Service<Seal, SealShape>()("herald/seals/Seal") {}
