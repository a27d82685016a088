/**
 * Says whom a client certificate stands for, by the names that its authority wrote into it. Pure.
 *
 *   XN1  A rule names a URI or a host name, whole, or the beginning of a URI up to a slash (`spiffe://prod/payments/*`), or the hosts right below a
 *        name (`*.agents.example.com`). The first rule that fits counts; where none fits, the certificate is nobody's.
 *   XN2  The principal is `x509:` and the rule's name, or else the name that fitted, of a host in small letters: no principal of an API key has a colon.
 *   XN3  A name with control characters, spaces, dot segments or more than 200 characters fits nothing, nor does a host that is none, such as `*.a.example`.
 */
import type { Grant } from "./Decision.ts"
import { grantProblem } from "./Grant.ts"
import { NAME } from "./Principal.ts"

export interface CertificateRule {
  /** A URI, or a host name. XN1 */
  readonly san: string
  readonly grant: Grant
  /** Of the principal, where all that fit are one. XN2 */
  readonly name?: string
}

/** Rules of a node; characters of a name. */
const [RULES, CHARACTERS] = [1_000, 200]

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

/** Hosts are the same in capitals: one host, one principal. XN2 */
const asOne = (kind: string, name: string): string => (kind === "DNS" ? name.toLowerCase() : name)

/** XN1 */
const fits = (san: string, kind: string, name: string): boolean => {
  if (san.includes("://"))
    return (
      kind === "URI" &&
      (san.endsWith("/*") ? name.length >= san.length && name.startsWith(san.slice(0, -1)) : name === san)
    )
  if (kind !== "DNS" || name.startsWith("*") || !HOST.test(name)) return false
  const [host, wanted] = [name, san.toLowerCase()]
  return wanted.startsWith("*.")
    ? host.slice(host.indexOf(".") + 1) === wanted.slice(2) && host !== wanted.slice(2)
    : host === wanted
}

const unknownIn = (value: object, names: ReadonlyArray<string>): string | undefined =>
  Object.keys(value).find((name) => !names.includes(name))

const ruleProblem = (rule: unknown): string | undefined => {
  if (typeof rule !== "object" || rule === null) return "it has to be an object with san and grant"
  const { san, grant, name } = rule as Readonly<Record<string, unknown>>
  const strange = unknownIn(rule, ["san", "grant", "name"])
  if (strange !== undefined) return `there is no ${JSON.stringify(strange)}`
  if (typeof san !== "string" || !isSan(san))
    return "san has to be a URI such as spiffe://prod/payments or spiffe://prod/payments/*, or a host such as agent.example.com or *.example.com"
  if (name !== undefined && (typeof name !== "string" || !NAME.test(name)))
    return "name: 1 to 128 letters, digits, spaces and . _ @ + / - characters"
  const problem = grantProblem(grant)
  return problem === undefined ? undefined : `grant: ${problem}`
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
      const kind = said.slice(0, at)
      const name = asOne(kind, said.slice(at + 1))
      if (isPlain(name) && fits(rule.san, kind, name)) return { rule, principal: `x509:${rule.name ?? name}` }
    }
  return undefined
}
