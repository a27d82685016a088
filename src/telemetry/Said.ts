/** Remembers what this node has logged already, of things that are logged once however often they are met. */
import { Context } from "effect"

export interface SaidShape {
  /** True the first time. */
  readonly isNews: (text: string) => boolean
}

/** By default nothing is remembered, so everything is news. */
export const Said = Context.Reference<SaidShape>("herald/telemetry/Said", {
  defaultValue: () => ({ isNews: () => true })
})

/** `most`: how many texts are remembered; beyond that all are forgotten, and said anew. */
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
