/**
 * Says what whoever shows a token of an issuer may, by what the token claims of them, and what they are called. Pure.
 *
 *   JU1  The first rule that fits decides, alone. None fits: they may nothing.
 *   JU2  A claim is an own member by its whole name, or a way through own members by dots (`realm_access.roles`). It fits when it is the value, or
 *        a list that has it: of the same type, letter by letter.
 *   JU3  Their principal is `jwt:<sub>@<issuer>`: no API key has a name with a colon, and no two subjects have one name. Letters that names of API keys
 *        can't have are percent-encoded.
 *        Persons are compared by it everywhere: limits, ownership and approvals know nothing else of them.
 *   JU4  Another claim is shown beside it where a setting says so, and names nobody: two may have the same, and one may change it.
 *   JU5  An address (`email`) counts, in rules and to be shown, where the issuer says that it was verified (`email_verified`, true) beside it, in
 *        the namespace that it is in, if any. A rule that would fit but for that is named, to its bearer and to whoever runs the server.
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

const ADDRESS = "email"
/** Whether a claim is an address, also in a namespace: `https://x.org/email`, `profile.email`. */
const isAddress = (member: string): boolean => member.split(/[./:#]/).at(-1) === ADDRESS

/** JU2, JU5 */
const found = (claims: Claims, name: string): { readonly said: unknown; readonly unverified: boolean } => {
  const parts = name.split(".")
  const whole = (own(claims, name) ?? undefined) !== undefined
  const holder = whole ? claims : parts.slice(0, -1).reduce<unknown>(own, claims)
  const member = whole ? name : parts.at(-1)!
  const said = own(holder, member)
  return { said, unverified: isAddress(member) && said !== undefined && own(holder, `${member}_verified`) !== true }
}

/** JU2, JU5 */
export const claimOf = (claims: Claims, name: string): unknown => {
  const { said, unverified } = found(claims, name)
  return unverified ? undefined : said
}

const holds = (said: unknown, value: ClaimRule["value"]): boolean =>
  said === value || (Array.isArray(said) && said.includes(value))
const fits = ({ claim, value }: ClaimRule, claims: Claims): boolean => holds(claimOf(claims, claim), value)

/** JU1 */
export const ruleFor = (rules: ReadonlyArray<ClaimRule>, claims: Claims): ClaimRule | undefined =>
  rules.find((rule) => fits(rule, claims))

/** Why rules were passed over that would have fitted an address which was verified: by their numbers, and no more than three. JU5 */
export const passedOver = (rules: ReadonlyArray<ClaimRule>, claims: Claims): ReadonlyArray<string> => {
  const notes: Array<string> = []
  for (const [i, rule] of rules.entries()) {
    if (notes.length === 3 || fits(rule, claims)) break
    const { said, unverified } = found(claims, rule.claim)
    if (unverified && holds(said, rule.value))
      notes.push(
        `rule ${i + 1} of HERALD_OIDC_ROLES was passed over: the token does not say that its ${ADDRESS} was verified (email_verified: true)`
      )
  }
  return notes
}

/** What of a principal's name stands for somebody of an issuer. */
export const OF_ISSUER = "jwt:"

/** Characters of a principal's name. */
const LONGEST = 256

const encoded = (text: string): string =>
  text.replace(/[^A-Za-z0-9._@+/-]/gu, (letter) => encodeURIComponent(letter.toWellFormed()))

export interface Named {
  readonly issuer: string
  readonly subject: string
}

/** The principal, or what is wrong. JU3 */
export const principalOf = ({ issuer, subject }: Named): { readonly name: string } | { readonly wrong: string } => {
  if (subject === "") return { wrong: "the token has no sub that names anybody" }
  const name = `${OF_ISSUER}${encoded(subject)}@${issuer.replace(/^https?:\/\//, "").replace(/\/$/, "")}`
  return name.length > LONGEST ? { wrong: "its sub is too long for a name" } : { name }
}

/** Nothing that a terminal could take for more than letters. */
const SHOWN = /^[^\p{C}\p{Zl}\p{Zp}]{1,128}$/u

/** What is shown beside the principal; undefined: nothing. `by`: the claim. JU4, JU5 */
export const shownOf = (claims: Claims, by: string | undefined): string | undefined => {
  const said = by === undefined ? undefined : claimOf(claims, by)
  return typeof said === "string" && SHOWN.test(said) ? said : undefined
}
