/** Limits and quotas as JSON. */
import { Schema } from "effect"
import type { Amount } from "../../../limits/Quotas.ts"
import { doors } from "../../../limits/Rules.ts"
import type { Left } from "../../../limits/Spending.ts"
import type { Streams } from "../../../sessions/Quotas.ts"
import { Environment, Whole } from "../Wire.ts"

const Rate = Schema.Struct({
  limit: Schema.String,
  door: Schema.NullOr(Schema.Literals(doors)),
  environment: Schema.NullOr(Environment),
  requestsPerSecond: Whole,
  burst: Whole,
  left: Whole
})
const Share = Schema.Struct({ used: Whole, limit: Whole })
/** `used`: null where the caller may not read all that is counted. */
const Holding = Schema.Struct({ used: Schema.NullOr(Whole), limit: Whole })

/** Of the caller and of an environment. `streams`: of the node that answers. */
export const Limits = Schema.Struct({
  principal: Schema.String,
  environment: Environment,
  rates: Schema.Array(Rate),
  streams: Schema.Struct({ ofPrincipal: Share, ofEnvironment: Schema.NullOr(Share) }),
  keys: Holding,
  bytes: Holding
}).annotate({ identifier: "Limits" })
export type Limits = typeof Limits.Type

export interface Found {
  readonly principal: string
  readonly environment: string
  readonly rates: ReadonlyArray<Left>
  readonly streams: Streams
  readonly quota: Amount
  /** Undefined: the caller may not read all that is counted. */
  readonly used: Amount | undefined
}

const asRate = ({ limit, door, environment, perSecond, burst, left }: Left): typeof Rate.Type => ({
  limit,
  door: door ?? null,
  environment: environment ?? null,
  requestsPerSecond: perSecond,
  burst,
  left: Math.max(0, Math.floor(left))
})

export const limits = ({ principal, environment, rates, streams, quota, used }: Found): Limits => ({
  principal,
  environment,
  rates: rates.map(asRate),
  streams: used === undefined ? { ...streams, ofEnvironment: null } : streams,
  keys: { used: used?.keys ?? null, limit: quota.keys },
  bytes: { used: used?.bytes ?? null, limit: quota.bytes }
})
