/**
 * Reads lists of certificates that were revoked (RFC 5280 §5): Node hands them to OpenSSL, and has no way to ask one for what is open already.
 *
 *   CR1  A list counts when an authority that the server knows signed it, with SHA-2 or Ed25519; a file with one that does not is refused whole.
 *   CR2  A list that says a part of it only (of changes, of some certificates, of another issuer's) is refused: what is not on it proves nothing.
 *   CR3  All lists of a file have at most `ENTRIES` certificates, and the file at most `BYTES` bytes.
 *   CR4  A list that ended is refused at the start; one that ends while it is in use goes on to count, and that is said.
 */
import { createHash, verify, type X509Certificate } from "node:crypto"
import { type Der, expected, oidOf, onlyValue, partsOf, TAG, timeOf, valuesIn } from "./Der.ts"

/** CR3 */
export const BYTES = 8_388_608
export const ENTRIES = 200_000

/** By an authority's name (16 hexadecimal digits of its SHA-256): the serial numbers that it revoked, in hexadecimal. */
export interface Revocations {
  readonly has: (id: string) => boolean
  readonly size: number
  /** Milliseconds since 1970: when the first of the lists should have a successor. `Infinity`: they don't say. */
  readonly until: number
}

export const none: Revocations = { has: () => false, size: 0, until: Number.POSITIVE_INFINITY }

const HASHES: Readonly<Record<string, string | null>> = {
  "1.2.840.113549.1.1.11": "sha256",
  "1.2.840.113549.1.1.12": "sha384",
  "1.2.840.113549.1.1.13": "sha512",
  "1.2.840.10045.4.3.2": "sha256",
  "1.2.840.10045.4.3.3": "sha384",
  "1.2.840.10045.4.3.4": "sha512",
  "1.3.101.112": null
}

const digestOf = (name: Der): string => createHash("sha256").update(name.whole).digest("hex").slice(0, 16)
const hexOf = ({ content }: Der): string => content.toString("hex").replace(/^(?:00)+(?=.)/, "")

/** What names a certificate among all: its issuer, and its number there. */
export interface Named {
  readonly id: string
  /** In hexadecimal. */
  readonly serial: string
  /** Of its own name, as an issuer of others. */
  readonly subject: string
}

/** Which a certificate is, by its DER. */
export const namedIn = (der: Buffer): Named => {
  const [tbs] = partsOf(expected(onlyValue(der), TAG.sequence, "the beginning"))
  const parts = partsOf(expected(tbs, TAG.sequence, "the certificate"))
  const [serial, , issuer, , subject] = parts[0]?.tag === 0xa0 ? parts.slice(1) : parts
  expected(serial, TAG.integer, "the serial number")
  const number = hexOf(serial!)
  return {
    id: `${digestOf(expected(issuer, TAG.sequence, "the issuer"))}.${number}`,
    serial: number,
    subject: digestOf(expected(subject, TAG.sequence, "the subject"))
  }
}

const CRITICAL = [
  ["2.5.29.27", "it lists changes of another list only"],
  ["2.5.29.28", "it is of some certificates only, or of another issuer's"],
  ["2.5.29.29", "it is of another issuer's certificates"]
] as const

/** CR2 */
const refuseCritical = (extensions: ReadonlyArray<Der>): void => {
  for (const extension of extensions) {
    const [oid, critical] = partsOf(extension)
    if (critical?.tag !== TAG.boolean || critical.content[0] === 0) continue
    const which = oidOf(expected(oid, TAG.oid, "an extension"))
    const why = CRITICAL.find(([one]) => one === which)?.[1] ?? `it has the critical extension ${which}`
    throw new Error(`${why}, and such a list is not taken`)
  }
}

interface List {
  readonly issuer: string
  readonly until: number
  readonly revoked: Buffer
}

/** All of its bits count. */
const signatureIn = ({ content }: Der): Buffer =>
  content[0] === 0 ? content.subarray(1) : expected(undefined, TAG.bits, "the signature").content

/** CR1, CR2 */
const listIn = (der: Buffer, authorities: ReadonlyArray<X509Certificate>): List => {
  const [tbs, algorithm, bits] = partsOf(expected(onlyValue(der), TAG.sequence, "the beginning"))
  const parts = partsOf(expected(tbs, TAG.sequence, "the list"))
  if (parts[0]?.tag === TAG.integer) parts[0].content[0] === 1 || expected(undefined, 0, "version 2")
  const [inner, issuer, since, ...rest] = parts[0]?.tag === TAG.integer ? parts.slice(1) : parts
  expected(issuer, TAG.sequence, "the issuer")
  timeOf(since ?? expected(since, TAG.utcTime, "the time"))
  const isTime = rest[0]?.tag === TAG.utcTime || rest[0]?.tag === TAG.generalizedTime
  const until = isTime ? timeOf(rest[0]!) : Number.POSITIVE_INFINITY
  const [revoked, extensions] = ((left: ReadonlyArray<Der>) =>
    left[0]?.tag === TAG.sequence ? [left[0], left[1]] : [undefined, left[0]])(rest.slice(isTime ? 1 : 0))
  if (extensions !== undefined) refuseCritical(partsOf(onlyValue(expected(extensions, 0xa0, "extensions").content)))
  const oid = oidOf(expected(partsOf(algorithm!)[0], TAG.oid, "the algorithm"))
  const hash = HASHES[oid]
  if (hash === undefined || inner?.whole.equals(algorithm!.whole) !== true)
    throw new Error(`it is signed with ${oid}, which is not taken: SHA-256 or stronger with RSA or ECDSA, or Ed25519`)
  const name = digestOf(issuer!)
  const its = authorities.filter(({ raw }) => namedIn(raw).subject === name)
  if (its.length === 0)
    throw new Error(
      "no authority that the server knows has its issuer's name: add that one's certificate to the authorities"
    )
  const signature = signatureIn(expected(bits, TAG.bits, "the signature"))
  if (!its.some(({ publicKey }) => verify(hash, tbs!.whole, publicKey, signature)))
    throw new Error("its signature is not of the authority that it names")
  return { issuer: name, until, revoked: revoked?.content ?? Buffer.alloc(0) }
}

const BLOCK = /-----BEGIN X509 CRL-----([A-Za-z0-9+/=\s]*)-----END X509 CRL-----/g

/** `text`: lists in PEM. Throws what is wrong with one. */
export const readRevocations = (text: string, authorities: ReadonlyArray<X509Certificate>): Revocations => {
  const blocks = [...text.matchAll(BLOCK)].map(([, base64]) => Buffer.from(base64!, "base64"))
  if (blocks.length === 0) throw new Error("it has no list of revoked certificates in PEM (BEGIN X509 CRL)")
  if (
    text.split("-----BEGIN").length !== text.split("-----END").length ||
    text.split("-----BEGIN").length !== blocks.length + 1
  )
    throw new Error("it ends in the middle of a list, or has something else in it")
  const all = new Map<string, Set<string>>()
  let size = 0
  let until = Number.POSITIVE_INFINITY
  for (const block of blocks) {
    const list = listIn(block, authorities)
    const serials = all.get(list.issuer) ?? new Set()
    all.set(list.issuer, serials)
    until = Math.min(until, list.until)
    for (const { content } of valuesIn(list.revoked)) {
      if (++size > ENTRIES) throw new Error(`it has more than ${ENTRIES} certificates`) // CR3
      const [serial, , extensions] = [...valuesIn(content)]
      if (extensions !== undefined) refuseCritical(partsOf(extensions))
      serials.add(hexOf(expected(serial, TAG.integer, "a serial number")))
    }
  }
  return {
    has: (id) => {
      const at = id.indexOf(".")
      return all.get(id.slice(0, at))?.has(id.slice(at + 1)) === true
    },
    size,
    until
  }
}
