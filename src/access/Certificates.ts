/**
 * Port: whom a client certificate stands for. The door that took it had TLS check its chain and its times. Never fails.
 */
import { Context } from "effect"
import type { Identity } from "./Identity.ts"

/** What a door says of the certificate that came with a connection. */
export interface Certificate {
  /** As node:tls writes them, each with its kind: `DNS:agent.example.com`, `URI:spiffe://example.com/agent`. */
  readonly subjectAltNames: ReadonlyArray<string>
  /** Milliseconds since 1970. */
  readonly notBefore: number
  readonly der: Uint8Array
  /** Each in DER: what was sent along, and what the door's TLS put above it. Nothing says yet that they are. */
  readonly beside: ReadonlyArray<Uint8Array>
}

/** What a certificate counts by. */
export interface Counting {
  /** That it ends at: SHA-256 of its DER in small hexadecimal digits. */
  readonly authority: string
  /** Its own, and of those above it, up to the authority: which each is among all, by who issued it, and its number there. */
  readonly ids: ReadonlyArray<string>
  /** Milliseconds since 1970: when the first of them ends. */
  readonly notAfter: number
}

export interface CertificatesShape {
  /** What a connection showed: Node's socket, or what stands for it. Undefined: none, or none that TLS checked. */
  readonly of: (socket: unknown) => Certificate | undefined
  /** With `certificateId` as `keyId`, until it or one above it ends. Undefined: no rule names it, or it is no longer good. Asked at each request. */
  readonly identify: (certificate: Certificate) => Identity | undefined
  /** Why a certificate counts for nobody, for who shows it; undefined: it is good, whoever it stands for. */
  readonly whyNot: (certificate: Certificate) => string | undefined
  /** Whether the certificate with this `keyId` may still be used, as far as is known: for streams that are open. */
  readonly isGood: (keyId: string) => boolean
}

const CERTIFICATE = "x509:"

/**
 * What stands for it where an API key has its id; no id of a key has a colon. With those above it, so that any node can say at any time whether it is
 * still good, of what was made with it, too (tickets, tokens, approvals).
 */
export const certificateId = ({ authority, ids, notAfter }: Counting): string =>
  `${CERTIFICATE}${[notAfter, authority, ...ids].join("/")}`
/** The other way round. */
export const certificateIn = (keyId: string): Counting => {
  const [notAfter, authority = "", ...ids] = keyId.slice(CERTIFICATE.length).split("/")
  return { authority, ids, notAfter: Number(notAfter) }
}
export const isCertificateId = (keyId: string): boolean => keyId.startsWith(CERTIFICATE)

/** Nobody's, where a node takes no certificates. */
export const Certificates = Context.Reference<CertificatesShape>("herald/access/Certificates", {
  defaultValue: () => ({
    of: () => undefined,
    identify: () => undefined,
    whyNot: () => undefined,
    isGood: () => false
  })
})
