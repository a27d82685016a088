/**
 * Reads the doors' certificate from two files: the chain, beginning with the server's own, and its key.
 *
 *   TC1  A pair that does not fit, or can't be read, is told at the start by what is wrong with which file, and no door opens.
 *   TC2  A pair that changed is used for connections from then on, within a few seconds; those that are open stay.
 *   TC3  One that is wrong by then is told once, and the one before stays in use: half of a renewal is no outage.
 *   TC4  Authorities whose certificates clients may show are read, checked and renewed as the pair is.
 */
import { createPrivateKey, X509Certificate } from "node:crypto"
import { readFileSync } from "node:fs"
import { createSecureContext } from "node:tls"
import { Effect, type Scope } from "effect"
import { failure, type HeraldError } from "../../src/errors/HeraldError.ts"
import { afterEvery } from "../../src/telemetry/Every.ts"

/** Without both there is no TLS. One alone is refused, as it would leave a door without TLS by mistake. TC1 */
export interface CertificateFiles {
  /** Paths of PEM files. */
  readonly cert?: string | undefined
  readonly key?: string | undefined
  /** The authorities of clients' certificates. Undefined: clients are asked for none. TC4 */
  readonly clientCa?: string | undefined
}

export interface Pair {
  readonly cert: string
  readonly key: string
  /** TC4 */
  readonly ca?: string
}

/** A server that takes a new pair while it runs, as those of https, http2 and tls do. */
interface Secured {
  readonly setSecureContext: (pair: Pair) => void
}

export interface Certificate {
  readonly now: () => Pair
  /** TC2 */
  readonly keep: (server: Secured) => void
}

const EVERY = "2 seconds"

const attempt = <A>(what: string, of: () => A): A => {
  try {
    return of()
  } catch (cause) {
    throw new Error(`${what}: ${cause instanceof Error ? cause.message : String(cause)}`)
  }
}

/** TC4 */
const readAuthorities = (file: string): string => {
  const text = attempt(`GRPC_TLS_CLIENT_CA can't be read`, () => readFileSync(file, "utf8"))
  const all = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []
  if (all.length === 0) throw new Error(`${file} (GRPC_TLS_CLIENT_CA) has no certificate in PEM`)
  for (const one of all)
    attempt(`${file} (GRPC_TLS_CLIENT_CA) has what is no certificate in PEM`, () => new X509Certificate(one))
  return text
}

/** Throws what is wrong with the files. */
const read = ({ cert, key, ca }: Pair): Pair => {
  const pair = {
    cert: attempt(`TLS_CERT can't be read`, () => readFileSync(cert, "utf8")),
    key: attempt(`TLS_KEY can't be read`, () => readFileSync(key, "utf8")),
    ...(ca === undefined ? {} : { ca: readAuthorities(ca) })
  }
  const first = attempt(`${cert} (TLS_CERT) is no certificate in PEM`, () => new X509Certificate(pair.cert))
  const own = attempt(`${key} (TLS_KEY) is no private key in PEM without a password`, () => createPrivateKey(pair.key))
  if (!first.checkPrivateKey(own))
    throw new Error(`${key} (TLS_KEY) is not the key of the first certificate in ${cert} (TLS_CERT)`)
  if (Date.parse(first.validTo) < Date.now())
    throw new Error(`the certificate in ${cert} (TLS_CERT) ended on ${first.validTo}`)
  attempt(`${cert} and ${key} can't be used`, () => createSecureContext(pair))
  return pair
}

export const makeCertificate = Effect.fnUntraced(function* ({
  cert,
  key,
  clientCa
}: CertificateFiles): Effect.fn.Return<Certificate | undefined, HeraldError, Scope.Scope> {
  if (cert === undefined && key === undefined) {
    if (clientCa === undefined) return undefined
    return yield* failure("SettingsInvalid", "GRPC_TLS_CLIENT_CA is given, and TLS_CERT and TLS_KEY are not")
  }
  if (cert === undefined || key === undefined) {
    const [given, missing] = cert === undefined ? ["TLS_KEY", "TLS_CERT"] : ["TLS_CERT", "TLS_KEY"]
    return yield* failure("SettingsInvalid", `${given} is given and ${missing} is not: TLS takes both`)
  }
  const files: Pair = { cert, key, ...(clientCa === undefined ? {} : { ca: clientCa }) }
  let pair = yield* Effect.try({
    try: () => read(files),
    catch: (cause) => failure("SettingsInvalid", (cause as Error).message) // TC1
  })
  const servers = new Set<Secured>()
  let said = ""

  const look = Effect.suspend(() => {
    let found: Pair
    try {
      found = read(files)
    } catch (cause) {
      const { message } = cause as Error
      if (message === said) return Effect.void
      said = message
      return Effect.logWarning("the certificate was not renewed", { reason: message }) // TC3
    }
    said = ""
    if (found.cert === pair.cert && found.key === pair.key && found.ca === pair.ca) return Effect.void
    pair = found
    for (const server of servers) server.setSecureContext(pair)
    return Effect.logInfo("the certificate was renewed", { until: new X509Certificate(pair.cert).validTo })
  })
  yield* Effect.forkScoped(afterEvery("the certificate was not looked at", EVERY, look))

  return { now: () => pair, keep: (server) => void servers.add(server) }
})
