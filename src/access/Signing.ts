/** What signs: Ed25519 (RFC 8032), the signature in base64url. Pure. */
export interface Signing {
  readonly id: string
  readonly sign: (text: string) => string
}
