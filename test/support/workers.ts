/** Workers in the test's own thread. */
import { Layer } from "effect"
import * as Validation from "../../layers/Validation/Validation.ts"
import * as Inline from "../../layers/Workers/Inline.ts"
import { Workers } from "../../src/work/Workers.ts"

export const workers = (options: Partial<Inline.InlineOptions> = {}) =>
  Workers.layer().pipe(Layer.provide(Layer.merge(Inline.layer(options), Validation.layer)))
