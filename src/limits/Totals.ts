/** Port: what each environment holds. Counted with the commits, so it is of one moment and costs nothing to ask. */
import { Context, type Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Amount } from "./Quotas.ts"

export interface Total extends Amount {
  readonly environment: string
}

export class Totals extends Context.Service<
  Totals,
  {
    /** By name, those that ever held something; of `environment` alone if it is given. Fails `DatabaseUnavailable`, `Timeout`. */
    readonly read: (environment?: string) => Effect.Effect<ReadonlyArray<Total>, HeraldError>
  }
>()("herald/limits/Totals") {}
