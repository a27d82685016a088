/**
 * Keeps the templates that a node read lately.
 *
 *   T5  A text is read once, and what was read is kept, within bounds of bytes.
 */
import { Context, Layer } from "effect"
import { Weighed } from "../bounds/Weighed.ts"
import { type Compiled, compile, type ReadTemplate } from "./Template.ts"

/** Bytes of memory, about. */
const KEPT = 16 * 1_048_576
interface Kept {
  readonly text: string
  readonly compiled: Compiled
}

/** Reads templates, and none again that it read lately. */
export const makeTemplates = (): ReadTemplate => {
  const kept = new Weighed<Kept>(({ text, compiled }) => text.length * 2 + compiled.places.length * 32 + 512)
  return (text, type) => {
    const known = kept.use(text)?.compiled
    if (known?.json === (type === "json")) return known
    const compiled = compile(text, type)
    kept.set(text, { text, compiled })
    kept.trim(KEPT)
    return compiled
  }
}

/** The templates of a node; by default none are kept. */
export const Templates = Context.Reference<ReadTemplate>("herald/configuration/Templates", {
  defaultValue: () => compile
})

export const layer = Layer.fresh(Layer.sync(Templates, makeTemplates))
