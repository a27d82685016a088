/** Workers in the test's own thread. */
import { Layer } from "effect"
import * as Digests from "../../layers/Crypto/values/Digest.ts"
import * as Inline from "../../layers/Workers/work/Inline.ts"
import { Workers } from "../../src/work/Workers.ts"

export const workers = (options: Partial<Inline.InlineOptions> = {}) =>
  Workers.layer().pipe(Layer.provide(Layer.merge(Inline.layer(options), Digests.layer)))
