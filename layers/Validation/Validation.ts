/** Everything in this folder with its defaults: SchemaValidator and Digest. */
import { Layer } from "effect"
import * as Digest from "./Digest.ts"
import * as SchemaValidator from "./SchemaValidator.ts"

export const layer = Layer.mergeAll(SchemaValidator.layer(), Digest.layer)
