/**
 * What is known of a client by the certificate that its connection showed.
 *
 *   CT1  A certificate is one that TLS checked to an authority of the server when the connection began. None goes on with an earlier one, whose chain
 *        would not come along (TC6 in Certificate.ts); one that does all the same has nobody beside it.
 *   CT2  Names that can't be read for certain are no names.
 */
import type { X509Certificate } from "node:crypto"
import { type DetailedPeerCertificate, TLSSocket } from "node:tls"
import type { Certificate, CertificatesShape } from "../../src/access/Certificates.ts"

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

/** What Node says is above it, which goes by names, and by what whoever connects sent along. CT3 in Chain.ts */
const besideOf = (shown: X509Certificate, first: DetailedPeerCertificate): ReadonlyArray<Uint8Array> => {
  const found: Array<Buffer> = []
  let below = shown.raw
  for (let one = first.issuerCertificate; one?.raw && !one.raw.equals(below); one = one.issuerCertificate) {
    if (found.length === FURTHER) break
    below = one.raw
    found.push(below)
  }
  return found
}

const read = (socket: TLSSocket, shown: X509Certificate): Certificate => ({
  subjectAltNames: namesIn(shown.subjectAltName),
  notBefore: Date.parse(shown.validFrom),
  der: shown.raw,
  beside: besideOf(shown, socket.getPeerCertificate(true))
})

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
