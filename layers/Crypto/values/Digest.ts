/** Digest with node:crypto. */

import { Layer } from "effect"
import { Digest } from "../../../src/values/Digest.ts"
import { digestOf } from "./Sha256.ts"

export const layer = Layer.succeed(Digest, digestOf)
