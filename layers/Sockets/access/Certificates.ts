/**
 * Whom client certificates stand for: by the rules of the settings, until they end, are revoked, or their authority is removed.
 *
 *   XM1  A list of revoked certificates, and authorities, that changed count from then on, for streams that are open, too; what is wrong with new
 *        ones is told, and those before stay.
 *   XM2  A certificate is as good as all of those above it, of whom the last is an authority. One that has none above it counts only where it is an authority.
 *   XM3  What is asked about has those above it in its id: any node says of it what it says of who shows it.
 *   XM4  Of an authority that was revoked nobody makes another one that counts (CT3).
 */
import type { X509Certificate } from "node:crypto"
import { readFileSync, statSync } from "node:fs"
import { Clock, Effect, Layer, Metric, type Scope } from "effect"
import { type CertificateRule, readCertificateRules, ruleFor } from "../../../src/access/CertificateRules.ts"
import {
  type Certificate,
  Certificates,
  type CertificatesShape,
  type Counting,
  certificateId,
  certificateIn
} from "../../../src/access/Certificates.ts"
import { grantOf } from "../../../src/access/Grant.ts"
import { failure, type HeraldError } from "../../../src/errors/HeraldError.ts"
import { afterEvery } from "../../../src/telemetry/Every.ts"
import { gauge } from "../../../src/telemetry/Metrics.ts"
import { attempt, readAuthorities } from "../Authorities.ts"
import { chainOf } from "../Chain.ts"
import { certificateOf } from "../PeerCertificate.ts"
import { BYTES, none, type Revocations, readRevocations } from "../Revocations.ts"
import { watched } from "../Watched.ts"

export interface CertificatesOptions {
  /** Files of authorities in PEM, with the settings that name them. */
  readonly authorities: ReadonlyArray<readonly [file: string, setting: string]>
  /** A file of lists in PEM. */
  readonly crl?: string | undefined
  /** JSON: src/access/CertificateRules.ts */
  readonly identities?: string | undefined
}

interface Read {
  readonly authorities: ReadonlyArray<X509Certificate>
  /** Of authorities: as `Counting.authority`. */
  readonly fingerprints: ReadonlySet<string>
  readonly revoked: Revocations
  /** Of connections that are open, with these authorities: to find one costs as much as some requests. */
  readonly chains: WeakMap<Certificate, Counting | "none">
}

const read = ({ authorities, crl }: CertificatesOptions): Read => {
  const all: ReadonlyArray<X509Certificate> = authorities.flatMap(
    ([file, setting]) => readAuthorities(file, setting).all
  )
  const fingerprints = new Set(all.map(({ fingerprint256 }) => fingerprint256.replaceAll(":", "").toLowerCase()))
  const its = { authorities: all, fingerprints, chains: new WeakMap<Certificate, Counting | "none">() }
  if (crl === undefined) return { ...its, revoked: none }
  const text = attempt("TLS_CLIENT_CRL can't be read", () => {
    if (statSync(crl).size > BYTES) throw new Error(`it has more than ${BYTES} bytes`)
    return readFileSync(crl, "utf8")
  })
  return { ...its, revoked: attempt(`${crl} (TLS_CLIENT_CRL)`, () => readRevocations(text, all)) }
}

const rulesOf = (text: string | undefined): ReadonlyArray<CertificateRule> => {
  const found = text === undefined ? [] : readCertificateRules(text)
  if (typeof found === "string") throw new Error(`HERALD_TLS_IDENTITIES: ${found}`)
  return found
}

const listed = gauge("herald_tls_revoked_certificates", "client certificates that the lists of TLS_CLIENT_CRL name")
const left = gauge(
  "herald_tls_revocations_left_seconds",
  "time until the first list of TLS_CLIENT_CRL should have a successor; below 0: it should have had one"
)

const make = Effect.fnUntraced(function* (options: CertificatesOptions) {
  const clock = yield* Clock.Clock
  const first = yield* Effect.try({
    try: () => {
      const found = read(options)
      if (found.revoked.until < Date.now())
        throw new Error(
          `a list in ${options.crl} (TLS_CLIENT_CRL) ended on ${new Date(found.revoked.until).toISOString()}`
        ) // CR4
      return { ...found, rules: rulesOf(options.identities) }
    },
    catch: (cause) => failure("SettingsInvalid", (cause as Error).message)
  })
  const { rules } = first
  let said = false
  const tell = ({ revoked }: Read) =>
    Effect.suspend(() => {
      if (options.crl === undefined) return Effect.void
      const seconds = Math.min(2 ** 31, Math.round((revoked.until - clock.currentTimeMillisUnsafe()) / 1_000))
      const ended = seconds < 0 && !said
      said = seconds < 0
      return Effect.andThen(
        ended
          ? Effect.logWarning("a list of revoked certificates ended, and goes on to count", { file: options.crl })
          : Effect.void,
        Effect.andThen(Metric.update(listed, revoked.size), Metric.update(left, seconds))
      )
    })
  const now = yield* watched<Read>({
    files: [...options.authorities.map(([file]) => file), ...(options.crl === undefined ? [] : [options.crl])],
    first,
    read: () => read(options),
    failed: "the lists for client certificates were not renewed",
    changed: tell
  })
  yield* Effect.forkScoped(
    afterEvery(
      "revoked certificates were not told",
      "10 seconds",
      Effect.suspend(() => tell(now()))
    )
  )

  const strange = "its authority is none of this server's"
  /** XM2 */
  const why = ({ authority, notAfter, ids: [own = "", ...above] }: Counting): string | undefined => {
    const { fingerprints, revoked } = now()
    if (!(clock.currentTimeMillisUnsafe() < notAfter)) return "it has ended"
    if (revoked.has(own)) return "it was revoked"
    if (above.some((one) => revoked.has(one))) return "an authority above it was revoked"
    return fingerprints.has(authority) ? undefined : strange
  }

  const chain = (certificate: Certificate): Counting | undefined => {
    const { authorities, chains } = now()
    const found = chains.get(certificate) ?? chainOf(certificate, authorities) ?? "none"
    chains.set(certificate, found)
    return found === "none" ? undefined : found
  }

  const whyNot: CertificatesShape["whyNot"] = (certificate) => {
    if (clock.currentTimeMillisUnsafe() < certificate.notBefore) return "it has not begun"
    const its = chain(certificate)
    return its === undefined ? strange : why(its)
  }

  return {
    of: certificateOf,
    whyNot,
    identify: (certificate) => {
      const found = ruleFor(rules, certificate)
      const its = chain(certificate)
      if (found === undefined || its === undefined || whyNot(certificate) !== undefined) return undefined
      return {
        ...grantOf(found.rule.grant),
        ...{ name: found.principal, keyId: certificateId(its), by: "certificate", until: its.notAfter }
      }
    },
    isGood: (keyId) => why(certificateIn(keyId)) === undefined // XM3
  } satisfies CertificatesShape
})

/** Without authorities nobody shows one. */
const without = ({ crl, identities }: CertificatesOptions) => {
  const given = crl !== undefined ? "TLS_CLIENT_CRL" : identities !== undefined ? "HERALD_TLS_IDENTITIES" : undefined
  return given === undefined
    ? Effect.map(Certificates, (nobody) => nobody)
    : failure("SettingsInvalid", `${given} is given, and TLS_CLIENT_CA, whose authorities it is about, is not`)
}

export const layer = (options: CertificatesOptions) =>
  Layer.effect(
    Certificates,
    Effect.suspend(
      (): Effect.Effect<CertificatesShape, HeraldError, Scope.Scope> =>
        options.authorities.length === 0 ? without(options) : make(options)
    )
  )
