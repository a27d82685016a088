/** The doors. */
import { either, host, integer, networks, oneOf, origins, text } from "../settings/Form.ts"
import { setting, unset } from "../settings/Setting.ts"

export const settings = {
  http: {
    host: setting("http.host", "HTTP_HOST", host, "127.0.0.1"),
    port: setting("http.port", "HTTP_PORT", integer(0, 65_535), 8080),
    /** Connections that the HTTP door takes. */
    maxConnections: setting("http.maxConnections", "HTTP_MAX_CONNECTIONS", integer(1, 1_000_000), 2_000),
    /** WebSockets that it takes, of those connections. */
    maxSockets: setting("http.maxSockets", "HTTP_MAX_SOCKETS", integer(1, 1_000_000), 1_000),
    /** Pages of these origins may open WebSockets, and ask OpenFeature's protocols from a browser. */
    origins: setting("http.origins", "HERALD_ORIGINS", origins, [] as ReadonlyArray<string>)
  },
  grpc: {
    host: setting("grpc.host", "GRPC_HOST", host, "127.0.0.1"),
    port: setting("grpc.port", "GRPC_PORT", integer(0, 65_535), 50_051),
    /** Streams that this server takes, over all connections. */
    maxStreams: setting("grpc.maxStreams", "GRPC_MAX_STREAMS", integer(1, 1_000_000), 1_000),
    /** What speaks HTTP/2 at this door: Herald's own lane, or the library. */
    server: setting("grpc.server", "GRPC_SERVER", oneOf("lane", "grpc-js"), "lane"),
    /** A PEM file: the authorities of clients' certificates at this door, in place of TLS_CLIENT_CA. */
    clientCa: unset("grpc.clientCa", "GRPC_TLS_CLIENT_CA", text),
    /** Whether a client has to show one; who shows one that is wrong is refused either way. */
    clientCertificates: setting(
      "grpc.clientCertificates",
      "GRPC_TLS_CLIENT_CERTIFICATES",
      oneOf("optional", "required"),
      "optional"
    )
  },
  /** Of both. Absent: they speak plain, for this machine, or where `insecure` says that others may hear it. */
  tls: {
    /** A PEM file: the certificate, and those between it and an authority. Read again when it changes. */
    cert: unset("tls.cert", "TLS_CERT", text),
    key: unset("tls.key", "TLS_KEY", text),
    /** A PEM file: the authorities of clients' certificates, at both doors. Read again when it changes. Absent: clients are asked for none. */
    clientCa: unset("tls.clientCa", "TLS_CLIENT_CA", text),
    /** A PEM file: lists of certificates that these authorities revoked. Read again when it changes. */
    crl: unset("tls.clientCrl", "TLS_CLIENT_CRL", text),
    /** Whom clients' certificates stand for, as JSON: docs/access.md. */
    identities: unset("tls.identities", "HERALD_TLS_IDENTITIES", text),
    /** Whether a door that others reach may speak without TLS. */
    insecure: setting("tls.insecure", "HERALD_INSECURE", either("no", "yes"), false)
  },
  /** Of both. */
  gate: {
    /** Absent: half of what each door takes. */
    perAddress: unset("limits.connectionsPerAddress", "LIMIT_CONNECTIONS_PER_ADDRESS", integer(1, 1_000_000)),
    /** Many share them, as behind a proxy: they are limited in all, not by address. */
    exempt: setting("limits.exemptAddresses", "LIMIT_EXEMPT_ADDRESSES", networks, ["127.0.0.0/8", "::1"])
  }
}
