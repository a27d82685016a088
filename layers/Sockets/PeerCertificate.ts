/**
 * What is known of a client by the certificate that its connection showed.
 *
 *   CT1  A certificate is one that TLS checked to an authority of the server when the connection began. None goes on with an earlier one, whose chain
 *        would not come along (TC6 in Certificate.ts); one that does all the same has nobody above it, and counts for nobody (XM2).
 *   CT2  Names that can't be read for certain are no names.
 *   CT3  Who is above whom goes by signatures. What Node says of it goes by names, and whoever connects may send another one of the same name beside
 *        the one that was revoked. Where one did not sign the next, nobody is above.
 */
import { X509Certificate } from "node:crypto"
import { type DetailedPeerCertificate, TLSSocket } from "node:tls"
import type { Certificate, CertificatesShape } from "../../src/access/Certificates.ts"
import { namedIn } from "./Revocations.ts"

/** As node:tls writes them: names with a comma or a quote stand in quotes, as JSON. */
const NAME = /(?:^|, )([A-Za-z][A-Za-z ]*):("(?:[^"\\]|\\.)*"|[^",]*)/y

/** CT2 */
export const namesIn = (text: string | undefined): ReadonlyArray<string> => {
  if (text === undefined || text === "") return []
  const found: Array<string> = []
  NAME.lastIndex = 0
  let end = 0
  for (let one = NAME.exec(text); one !== null; one = NAME.exec(text)) {
    end = NAME.lastIndex
    const [, kind, value = ""] = one
    try {
      found.push(`${kind}:${value.startsWith('"') ? String(JSON.parse(value)) : value}`)
    } catch {
      return []
    }
  }
  return end === text.length ? found : []
}

const FURTHER = 10

/** Those above it, up to an authority: from what came with it, and from what the server knows. CT3 */
const chainOf = (shown: X509Certificate, first: DetailedPeerCertificate): ReadonlyArray<X509Certificate> => {
  const found: Array<X509Certificate> = []
  let below = shown
  for (let one = first.issuerCertificate; one?.raw && !one.raw.equals(below.raw); one = one.issuerCertificate) {
    const above = new X509Certificate(one.raw)
    if (found.length === FURTHER || !below.verify(above.publicKey)) return []
    found.push(above)
    below = above
  }
  return found
}

const hexOf = (fingerprint: string): string => fingerprint.replaceAll(":", "").toLowerCase()

const read = (socket: TLSSocket, shown: X509Certificate): Certificate | undefined => {
  try {
    const chain = chainOf(shown, socket.getPeerCertificate(true))
    return {
      subjectAltNames: namesIn(shown.subjectAltName),
      notBefore: Date.parse(shown.validFrom),
      notAfter: Math.min(...[shown, ...chain].map(({ validTo }) => Date.parse(validTo))),
      fingerprint: hexOf(shown.fingerprint256),
      id: namedIn(shown.raw).id,
      above: chain.map(({ raw }) => namedIn(raw).id)
    }
  } catch {
    return undefined
  }
}

/** By connection: to read one costs more than the rest of a small request. */
const known = new WeakMap<object, Certificate | "none">()

/** Node's socket, or what stands for it in HTTP/2. Undefined: it showed none, or one that does not count. CT1 */
export const certificateOf = (socket: unknown): Certificate | undefined => {
  if (!(socket instanceof TLSSocket)) return undefined
  const before = known.get(socket)
  if (before !== undefined) return before === "none" ? undefined : before
  const shown = socket.authorized ? socket.getPeerX509Certificate() : undefined
  const certificate = shown && read(socket, shown)
  if (!socket.destroyed) known.set(socket, certificate ?? "none")
  return certificate
}

/** It showed one that TLS did not take. LV4 in ../Grpc/lane/Arrivals.ts */
export const isWrong = (socket: unknown): boolean =>
  socket instanceof TLSSocket && !socket.authorized && socket.getPeerX509Certificate() !== undefined

/** Whether who opened a connection is told nothing but that it is closed: it shows what is no certificate here, or none any more. */
export const refusing =
  ({ whyNot }: Pick<CertificatesShape, "whyNot">) =>
  (socket: unknown): boolean => {
    const certificate = certificateOf(socket)
    return certificate === undefined ? isWrong(socket) : whyNot(certificate) !== undefined
  }
