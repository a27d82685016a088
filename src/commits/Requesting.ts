/** Says that what is asked for is to wait for a second person, at whatever door it was asked for and of whatever kind it is. */
import { Context } from "effect"
import { HeraldError } from "../errors/HeraldError.ts"
import type { Change } from "../propagation/Revision.ts"

/** Whether the commits that this fiber asks for are written down as change requests, and not done. */
export const AsRequest = Context.Reference<boolean>("herald/commits/AsRequest", { defaultValue: () => false })

/** A `ChangeWaits`: it was not done, and this is the request that waits in its place. `already`: it did before. */
export class Requested extends HeraldError {
  constructor(of: Pick<Change, "key" | "environment">, already = false) {
    super({
      name: "ChangeWaits",
      message: `it waits as the change request ${of.key} in ${of.environment}`,
      details: { change: of.key, environment: of.environment, ...(already ? { already } : {}) }
    })
    this.of = of
  }

  readonly of: Pick<Change, "key" | "environment">
}

/** As a store says that the same waits already. */
export const waitsAlready = (error: HeraldError): HeraldError =>
  error instanceof Requested ? new Requested(error.of, true) : error
