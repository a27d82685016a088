/** Counts, as JSON. */
import { Schema } from "effect"
import { KEY_LENGTH } from "../../../keys/Key.ts"
import { Plain } from "../../../text/Plain.ts"
import type * as Model from "../../../toys/Toy.ts"
import { Message } from "../Wire.ts"

export const OfKey = { key: Plain(KEY_LENGTH) }
export const InEnvironment = { environment: Schema.String }
export const ToyBody = Schema.Struct({ count: Schema.Int, message: Schema.optionalKey(Message) }).annotate({
  identifier: "ToyBody"
})
export const Toy = Schema.Struct({
  environment: Schema.String,
  key: Schema.String,
  count: Schema.Int,
  revision: Schema.Int
}).annotate({ identifier: "Toy" })

export const toy = ({ environment, key, count, revision }: Model.Toy): typeof Toy.Type => ({
  environment,
  key,
  count,
  revision: Number(revision)
})
