/** Workers in the test's own thread. */
import { Layer } from "effect"
import * as Inline from "../../layers/Workers/Inline.ts"
import { Workers } from "../../src/work/Workers.ts"

export const workers = (options: Partial<Inline.InlineOptions> = {}) =>
  Workers.layer().pipe(Layer.provide(Inline.layer(options)))
