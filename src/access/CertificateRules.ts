/**
 * Says whom a client certificate stands for, by the names that its authority wrote into it. Pure.
 *
 *   XN1  A rule names a URI or a host name, whole, or the beginning of a URI up to a slash (`spiffe://prod/payments/*`), or the hosts right below a
 *        name (`*.agents.example.com`). The first rule that fits counts; where none fits, the certificate is nobody's.
 *   XN2  The principal is `x509:` and the rule's name, or else the name that fitted: no principal of an API key has a colon.
 *   XN3  A name with control characters, spaces, dot segments or more than 200 characters fits nothing.
 */
import { isEnvironment } from "../keys/Environment.ts"
import type { Grant } from "./Decision.ts"
import { kinds, roles } from "./Identity.ts"
import { isKeyPattern, keyPatternRule } from "./KeyScope.ts"
import { NAME } from "./Principal.ts"
import { isTopicPattern, topicPatternRule } from "./TopicRights.ts"

export interface CertificateRule {
  /** A URI, or a host name. XN1 */
  readonly san: string
  readonly grant: Grant
  /** Of the principal, where all that fit are one. XN2 */
  readonly name?: string
}

/** Rules of a node; patterns of one list of a grant; characters of a name. */
const [RULES, PATTERNS, CHARACTERS] = [1_000, 100, 200]

const URI = /^[a-z][a-z0-9+.-]*:\/\/[!-~]+$/i
const HOST = /^(?:\*\.)?[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*$/i
/** XN3 */
const DOTS = /\/(?:\.|%2e){1,2}(?:[/?#]|$)/i
const isPlain = (name: string): boolean => name.length <= CHARACTERS && /^[!-~]+$/.test(name) && !DOTS.test(name)

const isSan = (san: string): boolean => {
  if (!isPlain(san)) return false
  if (!san.includes("://")) return HOST.test(san)
  const star = san.indexOf("*")
  return URI.test(san) && (star < 0 || (san.endsWith("/*") && star === san.length - 1 && san.split("/").length > 3))
}

/** XN1 */
const fits = (san: string, kind: string, name: string): boolean => {
  if (san.includes("://"))
    return (
      kind === "URI" &&
      (san.endsWith("/*") ? name.length >= san.length && name.startsWith(san.slice(0, -1)) : name === san)
    )
  if (kind !== "DNS") return false
  const [host, wanted] = [name.toLowerCase(), san.toLowerCase()]
  return wanted.startsWith("*.")
    ? host.slice(host.indexOf(".") + 1) === wanted.slice(2) && host !== wanted.slice(2)
    : host === wanted
}

const isList = (value: unknown): value is ReadonlyArray<string> =>
  Array.isArray(value) && value.length <= PATTERNS && value.every((one) => typeof one === "string")

const lists: ReadonlyArray<readonly [name: string, is: (one: string) => boolean, rule: string]> = [
  ["environments", (one) => one === "*" || isEnvironment(one), "a name of an environment, or * for all"],
  ["keys", isKeyPattern, keyPatternRule],
  ["kinds", (one) => (kinds as ReadonlyArray<string>).includes(one), `one of ${kinds.join(", ")}`],
  ["topics", isTopicPattern, topicPatternRule]
]

const unknownIn = (value: object, names: ReadonlyArray<string>): string | undefined =>
  Object.keys(value).find((name) => !names.includes(name))

/** What is wrong with what a rule gives; undefined: nothing. */
export const grantProblem = (grant: unknown): string | undefined => {
  if (typeof grant !== "object" || grant === null || Array.isArray(grant)) return "grant has to be an object"
  const given = grant as Readonly<Record<string, unknown>>
  const strange = unknownIn(given, ["role", ...lists.map(([name]) => name)])
  if (strange !== undefined) return `grant has no ${JSON.stringify(strange)}`
  if (!(roles as ReadonlyArray<unknown>).includes(given["role"]))
    return `grant.role has to be one of ${roles.join(", ")}`
  if (!isList(given["environments"]) || given["environments"].length === 0)
    return 'grant.environments has to name 1 to 100, or ["*"] for all'
  for (const [name, is, rule] of lists) {
    const value = given[name]
    if (value === undefined) continue
    if (!isList(value)) return `grant.${name} has to be a list of at most ${PATTERNS} texts`
    const wrong = value.find((one) => !is(one))
    if (wrong !== undefined) return `grant.${name}: ${JSON.stringify(wrong)} is not ${rule}`
  }
  return undefined
}

const ruleProblem = (rule: unknown): string | undefined => {
  if (typeof rule !== "object" || rule === null) return "it has to be an object with san and grant"
  const { san, grant, name } = rule as Readonly<Record<string, unknown>>
  const strange = unknownIn(rule, ["san", "grant", "name"])
  if (strange !== undefined) return `there is no ${JSON.stringify(strange)}`
  if (typeof san !== "string" || !isSan(san))
    return "san has to be a URI such as spiffe://prod/payments or spiffe://prod/payments/*, or a host such as agent.example.com or *.example.com"
  if (name !== undefined && (typeof name !== "string" || !NAME.test(name)))
    return "name: 1 to 128 letters, digits, spaces and . _ @ + / - characters"
  return grantProblem(grant)
}

/** Reads the setting: JSON. A text says what is wrong with it. */
export const readCertificateRules = (text: string): ReadonlyArray<CertificateRule> | string => {
  let read: unknown
  try {
    read = JSON.parse(text)
  } catch (cause) {
    return `it is not JSON: ${(cause as Error).message.slice(0, 200)}`
  }
  if (!Array.isArray(read) || read.length > RULES) return `it has to be a list of at most ${RULES} rules`
  for (const [i, rule] of read.entries()) {
    const problem = ruleProblem(rule)
    if (problem !== undefined) return `rule ${i + 1}: ${problem}`
  }
  return read as ReadonlyArray<CertificateRule>
}

/** Which rule fits, and the principal that it makes of the certificate. XN1, XN2 */
export const ruleFor = (
  rules: ReadonlyArray<CertificateRule>,
  { subjectAltNames }: { readonly subjectAltNames: ReadonlyArray<string> }
): { readonly rule: CertificateRule; readonly principal: string } | undefined => {
  for (const rule of rules)
    for (const said of subjectAltNames) {
      const at = said.indexOf(":")
      const [kind, name] = [said.slice(0, at), said.slice(at + 1)]
      if (isPlain(name) && fits(rule.san, kind, name)) return { rule, principal: `x509:${rule.name ?? name}` }
    }
  return undefined
}
