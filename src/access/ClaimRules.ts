/**
 * Says what whoever shows a token of an issuer may, by what the token claims of them, and what they are called. Pure.
 *
 *   JU1  The first rule that fits decides, alone. None fits: they may nothing.
 *   JU2  A claim is an own member by its whole name, or a way through own members by dots (`realm_access.roles`). It fits when it is the value, or
 *        a list that has it: of the same type, letter by letter.
 *   JU3  Their principal is `jwt:<sub>@<issuer>`: no API key has a name with a colon, and no two subjects have one name. Letters that names of API keys
 *        can't have are percent-encoded.
 *   JU4  Another claim names them only where a setting says so, and an address (`email`) never where the issuer says that it was not verified.
 */
import { excerpt } from "../text/Excerpt.ts"
import type { Grant } from "./Decision.ts"
import { grantOf, grantProblem } from "./Grant.ts"

export interface ClaimRule {
  readonly claim: string
  readonly value: string | number | boolean
  readonly grant: Grant
}

export type Claims = Readonly<Record<string, unknown>>

/** Rules of one list, and characters of a claim's name. */
const MOST_RULES = 100
const CLAIM = 200

const isMembers = (value: unknown): value is Claims =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** The rules that were written down, or what is wrong with them. */
export const readRules = (written: unknown): ReadonlyArray<ClaimRule> | string => {
  if (!Array.isArray(written) || written.length > MOST_RULES)
    return `it has to be a list of at most ${MOST_RULES} of { claim, value, grant }`
  const rules: Array<ClaimRule> = []
  for (const [i, one] of written.entries()) {
    const wrong = (what: string) => `rule ${i + 1}: ${what}`
    if (!isMembers(one)) return wrong("it has to be { claim, value, grant }")
    const { claim, value, grant } = one
    const other = Object.keys(one).find((name) => !["claim", "value", "grant"].includes(name))
    if (other !== undefined) return wrong(`${excerpt(other)} is none of claim, value, grant`)
    if (typeof claim !== "string" || claim === "" || claim.length > CLAIM)
      return wrong(`claim: a name of 1 to ${CLAIM} characters`)
    if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean")
      return wrong("value: a text, a number, true or false")
    const problem = grantProblem(grant)
    if (problem !== undefined) return wrong(`grant: ${problem}`)
    rules.push({ claim, value, grant: grantOf(grant as Grant) })
  }
  return rules
}

/** Those that `readRules` finds; none where something is wrong with them, of which a node tells at its start. */
export const rulesOf = (written: unknown): ReadonlyArray<ClaimRule> => {
  const rules = readRules(written)
  return typeof rules === "string" ? [] : rules
}

const own = (members: unknown, name: string): unknown =>
  isMembers(members) && Object.hasOwn(members, name) ? members[name] : undefined

/** JU2 */
export const claimOf = (claims: Claims, name: string): unknown =>
  own(claims, name) ?? name.split(".").reduce<unknown>((at, part) => own(at, part), claims)

const fits = ({ claim, value }: ClaimRule, claims: Claims): boolean => {
  const found = claimOf(claims, claim)
  return found === value || (Array.isArray(found) && found.includes(value))
}

/** JU1 */
export const ruleFor = (rules: ReadonlyArray<ClaimRule>, claims: Claims): ClaimRule | undefined =>
  rules.find((rule) => fits(rule, claims))

/** What of a principal's name stands for somebody of an issuer. */
export const OF_ISSUER = "jwt:"

/** Characters of a principal's name. */
const LONGEST = 256

const encoded = (text: string): string =>
  text.replace(/[^A-Za-z0-9._@+/-]/gu, (letter) => encodeURIComponent(letter.toWellFormed()))

export interface Named {
  readonly issuer: string
  readonly subject: string
  readonly claims: Claims
}

/** The principal, or what is wrong. `by`: the claim that names them; undefined: `sub`. JU3, JU4 */
export const principalOf = (
  { issuer, subject, claims }: Named,
  by: string | undefined
): { readonly name: string } | { readonly wrong: string } => {
  const said = by === undefined ? subject : claimOf(claims, by)
  if (typeof said !== "string" || said === "") return { wrong: `the token has no ${by ?? "sub"} that names anybody` }
  if (by === "email" && own(claims, "email_verified") === false)
    return { wrong: "its issuer has not verified the address in email" }
  const name = `${OF_ISSUER}${encoded(said)}@${issuer.replace(/^https?:\/\//, "").replace(/\/$/, "")}`
  return name.length > LONGEST ? { wrong: `its ${by ?? "sub"} is too long for a name` } : { name }
}
