/** Reads what a service token is to be, and writes one as JSON. */
import { Schema } from "effect"
import { grantOf } from "../../../access/Grant.ts"
import { type Exchanged, LONGEST_LIFE } from "../../../access/ServiceToken.ts"
import { Stamp, stamp } from "../Wire.ts"
import { ApiKeyBody, Kind, Role } from "./Wire.ts"

/** `lifeMillis`: how long it is to last; 15 minutes when left out. The rest: what it may, where that is to be less than what was shown; what is left out, as that. */
export const TokenBody = Schema.Struct({
  lifeMillis: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 1_000, maximum: LONGEST_LIFE }))),
  role: Schema.optionalKey(Role),
  environments: Schema.optionalKey(ApiKeyBody.fields.environments),
  topics: ApiKeyBody.fields.topics,
  keys: ApiKeyBody.fields.keys,
  kinds: ApiKeyBody.fields.kinds
}).annotate({
  identifier: "TokenBody",
  examples: [{}, { lifeMillis: 300_000, role: "subscriber", environments: ["production"], keys: ["payments.*"] }]
})
/** `token`: kept nowhere. `keyId`: by whose end it ends. `until`: when it ends; earlier than asked for where what was shown ends earlier. */
export const ServiceToken = Schema.Struct({
  token: Schema.String,
  name: Schema.String,
  keyId: Schema.String,
  role: Role,
  environments: Schema.Array(Schema.String),
  topics: Schema.optionalKey(Schema.Array(Schema.String)),
  keys: Schema.optionalKey(Schema.Array(Schema.String)),
  kinds: Schema.optionalKey(Schema.Array(Kind)),
  until: Schema.Finite,
  untilTime: Stamp
}).annotate({ identifier: "ServiceToken" })
export type ServiceToken = typeof ServiceToken.Type

export const serviceToken = ({ token, identity, until }: Exchanged): ServiceToken => ({
  ...{ token, name: identity.name, keyId: identity.keyId },
  ...grantOf(identity),
  ...{ until, untilTime: stamp(until) }
})
