/** The difference between two versions: JSON Patch where both parse as JSON, lines otherwise. Pure. */
import type { Schema } from "effect"

export type Difference =
  | { readonly kind: "none" }
  | {
      readonly kind: "json"
      readonly patch: ReadonlyArray<{ readonly op: string; readonly path: string; readonly value?: Schema.Json }>
    }
  | { readonly kind: "lines"; readonly unified: string }
