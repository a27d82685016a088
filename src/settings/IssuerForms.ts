/** What settings of an issuer of tokens may be. Pure. */
import { type Form, listOf } from "./Form.ts"

/** Signatures whose check needs no secret (RFC 7518, RFC 8037, RFC 9864): whoever can check one can't make it. */
export const SIGNATURES = [
  ...["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
  ...["ES256", "ES384", "ES512", "EdDSA", "Ed25519"]
]

/** How tokens may be signed. */
export const signatures: Form<ReadonlyArray<string>> = {
  expected: `one or more of ${SIGNATURES.join(", ")}, with commas between`,
  read: (raw) => {
    const found = listOf(raw)
    return found.every((one) => SIGNATURES.includes(one)) ? found : undefined
  },
  show: (value) => (value === undefined ? "" : (value as ReadonlyArray<string>).join(",")),
  schema: { type: "string", minLength: 1 },
  secret: false
}

const LIST = 65_536

/** A list as JSON. */
export const jsonList: Form<ReadonlyArray<unknown>> = {
  expected: "a list as JSON, such as [], of at most 64 KiB",
  read: (raw) => {
    if (String(raw).length > LIST) return undefined
    try {
      const found: unknown = JSON.parse(String(raw))
      return Array.isArray(found) ? found : undefined
    } catch {
      return undefined
    }
  },
  why: (raw) => {
    try {
      JSON.parse(String(raw))
      return undefined
    } catch (error) {
      return (error as Error).message
    }
  },
  show: (value) => (value === undefined ? "" : JSON.stringify(value)),
  schema: { type: "string" },
  secret: false
}
