/**
 * What keeps the doors secret: TLS, and who clients are by their certificates.
 *
 *   NS1  A door that other machines reach speaks TLS, or it is said in so many words that it need not: the start is refused otherwise.
 */
import { Effect } from "effect"
import * as Certificates from "../../layers/Sockets/access/Certificates.ts"
import type { CertificateFiles } from "../../layers/Sockets/Certificate.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { isLoopback } from "../net/Address.ts"
import type { Settings } from "../settings/Catalogue.ts"

type Secured = Pick<Settings, "http" | "grpc" | "tls">

const OWN = "GRPC_TLS_CLIENT_CA"

/** The gRPC door may have authorities of its own. */
export const filesOf = ({ grpc: { clientCa }, tls }: Secured): Readonly<Record<"http" | "grpc", CertificateFiles>> => ({
  http: tls,
  grpc: clientCa === undefined ? tls : { ...tls, clientCa, clientCaSetting: OWN }
})

/** Whom clients' certificates stand for, at whichever door. */
export const certificates = ({ grpc, tls: { clientCa, crl, identities } }: Secured) =>
  Certificates.layer({
    authorities: [
      ...(clientCa === undefined ? [] : [[clientCa, "TLS_CLIENT_CA"] as const]),
      ...(grpc.clientCa === undefined ? [] : [[grpc.clientCa, OWN] as const])
    ],
    ...{ crl, identities }
  })

/** Fails `SettingsInvalid`. NS1 */
export const requireSecrecy = ({ http, grpc, tls }: Secured): Effect.Effect<void, HeraldError> => {
  const hosts = [["HTTP_HOST", http.host] as const, ["GRPC_HOST", grpc.host] as const]
  const reached = hosts.find(([, host]) => !isLoopback(host))
  if (reached === undefined || tls.insecure || tls.cert !== undefined || tls.key !== undefined) return Effect.void
  const [setting, host] = reached
  return failure(
    "SettingsInvalid",
    `${setting} is ${host}, which other machines reach, and there is no TLS: whoever listens in between would have every token. Set TLS_CERT and TLS_KEY (docs/security.md says how to make a pair to try) or HERALD_INSECURE=yes where a proxy or the network keeps it secret`
  )
}
