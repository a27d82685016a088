/** What a version of a key has to do with a rollout (decision 0028). Pure. */
import { Schema } from "effect"

export const Candidacy = Schema.Struct({
  /** The rollout's key. */
  id: Schema.String,
  /** candidate: it may become current; withdrawn: it was taken back, and never is; promoted: it became current as it was. */
  state: Schema.Literals(["candidate", "withdrawn", "promoted"])
}).annotate({ identifier: "Candidacy" })
export type Candidacy = typeof Candidacy.Type
