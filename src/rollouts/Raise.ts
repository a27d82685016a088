/**
 * What a flag says while the share of one of its variants is raised over evaluation contexts (`Plan.raise`). Pure.
 *
 *   QR1  Who has the variant at a share has it at every larger one; everybody else gets what the flag said before.
 *   QR2  It is made of the flag as it was before the rollout, whose text it keeps but for the share: no stage stands on another.
 *   QR3  At the whole it is as a person would write it: the variant is the default, and there is no rule any more.
 */
import { isMembers, type Json, type Members } from "../evaluation/Json.ts"
import { isSimple } from "../evaluation/Simple.ts"
import { type NamedText, namedTextsIn } from "../values/Json.ts"

/** Of a whole: as many as the percentage of a simple form can tell. */
const PARTS = 100_000

export type Raised = { readonly definition: string } | { readonly problem: string }

/** The text of an object: as it was, but for these. */
const withText = (texts: ReadonlyArray<NamedText>, name: string, text: string): Raised => {
  const known = texts.some(([one]) => one === name)
  const all = known
    ? texts.map((one) => (one[0] === name ? ([name, text] as const) : one))
    : [...texts, [name, text] as const]
  return { definition: `{${all.map(([one, its]) => `${JSON.stringify(one)}:${its}`).join(",")}}` }
}

/** Of the simple form, whose variants are `on` and `off`. */
const ofSimple = (json: Members, texts: ReadonlyArray<NamedText>, variant: string, share: number): Raised => {
  const { percentage = 100, enabled = true } = json
  if (variant !== "on") return { problem: `it has the variants on and off, and no ${variant} to raise` }
  if (enabled === false) return { problem: "it is off for everybody" }
  const percent = Math.round(PARTS * share) / 1_000
  if (Number(percentage) >= percent) return { problem: `it is on for ${percentage}% already` }
  return withText(texts, "percentage", String(percent))
}

/** Whether a context is among the first of all, by a hash of its targeting key that only this rollout has. */
const among = (variant: string, other: string, share: number, salt: string): Json => {
  const parts = Math.round(PARTS * share)
  const key = { var: "targetingKey" }
  const buckets = [
    [variant, parts],
    [other, PARTS - parts]
  ]
  return { "==": [{ if: [key, { fractional: [{ cat: [salt, key] }, ...buckets] }, other] }, variant] }
}

const ofRule = (
  json: Members,
  texts: ReadonlyArray<NamedText>,
  variant: string,
  share: number,
  salt: string
): Raised => {
  const { variants, targeting, state } = json
  const names = isMembers(variants) ? Object.keys(variants) : []
  if (!names.includes(variant)) return { problem: `it has no variant ${variant}: there are ${names.join(", ")}` }
  if (state === "DISABLED") return { problem: "it is disabled" }
  const other = names.find((name) => name !== variant)
  if (other === undefined) return { problem: `it has no variant but ${variant}` }
  const name = JSON.stringify(variant)
  const others = texts.filter(([one]) => one !== "targeting")
  if (share >= 1) return withText(others, "defaultVariant", name) // QR3
  const its = isMembers(targeting) && Object.keys(targeting).length > 0
  const before = its ? `,${texts.find(([one]) => one === "targeting")![1]}` : ""
  const first = JSON.stringify(among(variant, other, share, salt))
  return withText(texts, "targeting", `{"if":[${first},${name}${before}]}`)
}

/** The definition by which `share` of all contexts have the variant, 0 < share ≤ 1; or why there is none. */
export const raised = (definition: string, variant: string, share: number, salt: string): Raised => {
  const texts = namedTextsIn(definition)
  const json: unknown = JSON.parse(definition)
  if (texts === undefined || !isMembers(json)) return { problem: "its definition is no object" }
  return isSimple(json) ? ofSimple(json, texts, variant, share) : ofRule(json, texts, variant, share, salt)
}
