/** What this node has said already, of things that are said once however often they are met. */
import { Context } from "effect"

export interface SaidShape {
  /** True the first time. */
  readonly isNews: (text: string) => boolean
}

/** By default nobody remembers: then everything is news. */
export const Said = Context.Reference<SaidShape>("herald/telemetry/Said", {
  defaultValue: () => ({ isNews: () => true })
})

/** `most`: how many texts are remembered; when there are more, all are said anew. */
export const makeSaid = (most = 1_000): SaidShape => {
  const said = new Set<string>()
  return {
    isNews: (text) => {
      if (said.has(text)) return false
      if (said.size >= most) said.clear()
      said.add(text)
      return true
    }
  }
}
