/**
 * Port: whom a client certificate stands for. The door that took it has checked its chain and its times, and that it was not revoked. Never fails.
 */
import { Context } from "effect"
import type { Identity } from "./Identity.ts"

/** What a door says of the certificate that came with a connection. */
export interface Certificate {
  /** As node:tls writes them, each with its kind: `DNS:agent.example.com`, `URI:spiffe://example.com/agent`. */
  readonly subjectAltNames: ReadonlyArray<string>
  /** Milliseconds since 1970. */
  readonly notAfter: number
  /** SHA-256 of its DER in small hexadecimal digits. */
  readonly fingerprint: string
}

export interface CertificatesShape {
  /** With `certificateId` as `keyId`, and `notAfter` as its end. Undefined: no rule names it, or it is no longer good. Asked at each request. */
  readonly identify: (certificate: Certificate) => Identity | undefined
  /** Whether the certificate with this `keyId` may still be used, as far as is known: for streams that are open. */
  readonly isGood: (keyId: string) => boolean
}

const CERTIFICATE = "x509:"

/** What stands for it where an API key has its id; no id of a key has a colon. */
export const certificateId = (fingerprint: string): string => `${CERTIFICATE}${fingerprint.slice(0, 32)}`
export const isCertificateId = (keyId: string): boolean => keyId.startsWith(CERTIFICATE)

/** Nobody's, where a node takes no certificates. */
export const Certificates = Context.Reference<CertificatesShape>("herald/access/Certificates", {
  defaultValue: () => ({ identify: () => undefined, isGood: () => false })
})
