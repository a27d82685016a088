/**
 * Finds out who is above a client certificate.
 *
 *   CT3  Who is above whom goes by names and signatures, and authorities of the server go before what was sent along. One counts that ends at one of
 *        them, known by all of its bytes: names and numbers are written by whoever makes a certificate, and whoever has the key of an authority that
 *        was revoked makes another one of it that bears those of a good one.
 */
import { X509Certificate } from "node:crypto"
import type { Certificate, Counting } from "../../src/access/Certificates.ts"
import { namedIn } from "./Revocations.ts"

const FURTHER = 10

const isUnder = (below: X509Certificate, above: X509Certificate): boolean => {
  try {
    return below.checkIssued(above) && below.verify(above.publicKey)
  } catch {
    return false // a key of a kind that signs nothing
  }
}

const endOf = ({ validTo }: X509Certificate): number => Date.parse(validTo)

/** Of several for one key, as after a renewal, the one that ends last. */
const above = (below: X509Certificate, among: ReadonlyArray<X509Certificate>): X509Certificate | undefined =>
  among.filter((one) => isUnder(below, one)).sort((a, b) => endOf(b) - endOf(a))[0]

/** A list names its issuer as the issuer does, which may differ in capitals from what stands in what it issued. */
const idIn = (one: X509Certificate, issuer: X509Certificate | undefined): string => {
  const { id, serial } = namedIn(one.raw)
  return issuer === undefined ? id : `${namedIn(issuer.raw).subject}.${serial}`
}

/** Whether it ends at one of `authorities`, its `authority` says. Undefined: it is too long. CT3 */
export const chainOf = (
  { der, beside }: Pick<Certificate, "der" | "beside">,
  authorities: ReadonlyArray<X509Certificate>
): Counting | undefined => {
  const path = [new X509Certificate(der)]
  const sent = beside.map((one) => new X509Certificate(one)).filter(({ ca }) => ca)
  const isNew = (one: X509Certificate) => !path.some(({ raw }) => raw.equals(one.raw))
  for (let below = path[0]!; !isUnder(below, below); below = path.at(-1)!) {
    const next = above(below, authorities.filter(isNew)) ?? above(below, sent.filter(isNew))
    if (next === undefined) break
    if (path.push(next) > FURTHER) return undefined
  }
  const last = path.at(-1)!
  return {
    authority: last.fingerprint256.replaceAll(":", "").toLowerCase(),
    ids: path.map((one, i) => idIn(one, path[i + 1])),
    notAfter: Math.min(...path.map(endOf))
  }
}
