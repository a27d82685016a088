/**
 * Port: the public keys with which nodes sign audit checkpoints, as lines of `CheckpointKey.ts`. What is in here is believed by its seal alone
 * (AC6). Fails `DatabaseUnavailable` or `Timeout`.
 */
import { Context, type Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"

/** Keys that are kept at most, the newest: nodes without a folder or a setting of their own bring another one at each start. */
export const KNOWN_KEYS = 256

export class AuditKeys extends Context.Service<
  AuditKeys,
  {
    /** The line takes the place of the one that was there for this key, which is the newest from now on; beyond `KNOWN_KEYS` the oldest goes. */
    readonly keep: (id: string, line: string) => Effect.Effect<void, HeraldError>
    /** Oldest first. */
    readonly list: Effect.Effect<ReadonlyArray<string>, HeraldError>
  }
>()("herald/audit/AuditKeys") {}
