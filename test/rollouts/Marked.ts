/** Configurations and flags, each with a mark by which it is told from every other, and by which what stands on it is seen to. */
import { digestOf } from "../../layers/Crypto/values/Sha256.ts"
import type { Wish } from "../../src/commits/Release.ts"
import type { ConfigurationWish } from "../../src/configuration/Wish.ts"
import type { FlagWish } from "../../src/flags/FeatureFlag.ts"
import { change } from "../support/Release.ts"

/** Of what completes. */
export const textOf = (wish: Wish): string => {
  const its = wish as unknown as { readonly value?: string; readonly definition?: string }
  return its.value ?? marksIn(its.definition!)[0]!
}
export const isFlag = (key: string) => key === "f" || key === "g"
export const nameOf = (key: string) => (isFlag(key) ? `@flag/${key}` : key)
/** What tells contents apart, of all that one says. */
export const marksIn = (content: string): ReadonlyArray<string> => content.match(/(?:value|text) \d+|v\d+_[fg]/g) ?? []
export const wishOf = (key: string, text: string): ConfigurationWish | FlagWish => {
  if (!isFlag(key)) return change(key, text)
  const prerequisites = key === "g" ? [{ flag: "f", variant: "on" }] : []
  const rule = { state: "ENABLED", variants: { on: true, off: false, [text]: true }, defaultVariant: "on" }
  const definition = JSON.stringify(key === "f" ? rule : { enabled: true, prerequisites, metadata: { text } })
  return {
    ...{ kind: "flag", environment: "production", key, definition, digest: digestOf(definition), prerequisites },
    ...{ bytes: definition.length, expectedVersion: undefined, variants: ["on", "off"], enabled: true },
    ...{ percentage: null, targetUsers: null }
  }
}
