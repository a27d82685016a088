/** Describes changes of other kinds that go into one release with configurations. */
import type { Effect } from "effect"
import type { Identity } from "../access/Identity.ts"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Wish } from "./Release.ts"

export interface Beside {
  /** Who was found to be allowed to make them. */
  readonly identity: Identity
  readonly changes: number
  /** Bytes of their values, as UTF-8. */
  readonly bytes: number
  /** What is wrong with them for a release with this message. */
  readonly problem?: (message: string) => HeraldError | undefined
  /** What an idempotency key stands for, as JSON. */
  readonly request: unknown
  /** Checks them. Run again when the release is checked again. */
  readonly check: Effect.Effect<ReadonlyArray<Wish>, HeraldError>
}
