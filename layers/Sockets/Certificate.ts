/**
 * Reads the doors' certificate from two files: the chain, beginning with the server's own, and its key.
 *
 *   TC1  A pair that does not fit, or can't be read, is told at the start by what is wrong with which file, and no door opens.
 *   TC2  A pair that changed is used for connections from then on, within a few seconds; those that are open stay.
 *   TC3  One that is wrong by then is told once, and the one before stays in use: half of a renewal is no outage.
 *   TC4  Authorities whose certificates clients may show are read, checked and renewed as the pair is.
 *   TC5  With a change of any of them tickets of before are worth nothing. New files are taken once they are whole (WY1 in Watched.ts).
 *   TC6  Where clients are asked for certificates, no connection goes on with an earlier one: neither by tickets nor by session ids, of TLS 1.2 or 1.3.
 *        OpenSSL keeps the client's certificate with them, but not those above it, of which one may have been revoked.
 */
import { constants, createPrivateKey, X509Certificate } from "node:crypto"
import { readFileSync } from "node:fs"
import { createSecureContext } from "node:tls"
import { Effect, type Scope } from "effect"
import { failure, type HeraldError } from "../../src/errors/HeraldError.ts"
import { attempt, readAuthorities } from "./Authorities.ts"
import { watched } from "./Watched.ts"

/** Without both there is no TLS. One alone is refused, as it would leave a door without TLS by mistake. TC1 */
export interface CertificateFiles {
  /** Paths of PEM files. */
  readonly cert?: string | undefined
  readonly key?: string | undefined
  /** The authorities of clients' certificates. Undefined: clients are asked for none. TC4 */
  readonly clientCa?: string | undefined
  /** Which setting names them. */
  readonly clientCaSetting?: string | undefined
}

export interface Pair {
  readonly cert: string
  readonly key: string
  /** TC4 */
  readonly ca?: string
  /** As node:tls has it. TC6 */
  readonly secureOptions?: number
}

/** What of it TLS is told. */
const secureOf = ({ cert, key, ca }: Pair): Pair => ({
  cert,
  key,
  ...(ca === undefined ? {} : { ca, secureOptions: constants.SSL_OP_NO_TICKET }) // TC6: of TLS 1.3 it leaves ids, which nobody keeps
})

/** A server that takes a new pair while it runs, as those of https, http2 and tls do. */
interface Secured {
  readonly setSecureContext: (pair: Pair) => void
}

export interface Certificate {
  readonly now: () => Pair
  /** TC2 */
  readonly keep: (server: Secured) => void
}

/** Throws what is wrong with the files. */
const read = ({ cert, key, ca }: Pair, setting: string): Pair => {
  const pair = {
    cert: attempt(`TLS_CERT can't be read`, () => readFileSync(cert, "utf8")),
    key: attempt(`TLS_KEY can't be read`, () => readFileSync(key, "utf8")),
    ...(ca === undefined ? {} : { ca: readAuthorities(ca, setting).pem })
  }
  const first = attempt(`${cert} (TLS_CERT) is no certificate in PEM`, () => new X509Certificate(pair.cert))
  const own = attempt(`${key} (TLS_KEY) is no private key in PEM without a password`, () => createPrivateKey(pair.key))
  if (!first.checkPrivateKey(own))
    throw new Error(`${key} (TLS_KEY) is not the key of the first certificate in ${cert} (TLS_CERT)`)
  if (Date.parse(first.validTo) < Date.now())
    throw new Error(`the certificate in ${cert} (TLS_CERT) ended on ${first.validTo}`)
  attempt(`${cert} and ${key} can't be used`, () => createSecureContext(secureOf(pair)))
  return pair
}

export const makeCertificate = Effect.fnUntraced(function* ({
  cert,
  key,
  clientCa,
  clientCaSetting: setting = "TLS_CLIENT_CA"
}: CertificateFiles): Effect.fn.Return<Certificate | undefined, HeraldError, Scope.Scope> {
  if (cert === undefined && key === undefined) {
    if (clientCa === undefined) return undefined
    return yield* failure("SettingsInvalid", `${setting} is given, and TLS_CERT and TLS_KEY are not`)
  }
  if (cert === undefined || key === undefined) {
    const [given, missing] = cert === undefined ? ["TLS_KEY", "TLS_CERT"] : ["TLS_CERT", "TLS_KEY"]
    return yield* failure("SettingsInvalid", `${given} is given and ${missing} is not: TLS takes both`)
  }
  const files: Pair = { cert, key, ...(clientCa === undefined ? {} : { ca: clientCa }) }
  let pair = yield* Effect.try({
    try: () => read(files, setting),
    catch: (cause) => failure("SettingsInvalid", (cause as Error).message) // TC1
  })
  const servers = new Set<Secured>()
  const now = yield* watched({
    files: Object.values(files),
    first: pair,
    read: () => read(files, setting),
    failed: "the certificate was not renewed", // TC3
    changed: (found) => {
      const isSame = found.cert === pair.cert && found.key === pair.key && found.ca === pair.ca
      pair = found
      if (isSame) return Effect.void
      for (const server of servers) server.setSecureContext(secureOf(found)) // TC2, TC5
      return Effect.logInfo("the certificate was renewed", { until: new X509Certificate(found.cert).validTo })
    }
  })
  return { now: () => secureOf(now()), keep: (server) => void servers.add(server) }
})
