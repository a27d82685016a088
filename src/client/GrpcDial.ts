/**
 * Dials a channel: address, proxy, TLS.
 *
 *   DA1  No proxy is used unless `proxy` names one, whatever the environment says; and none to this machine.
 *   DA2  A certificate is checked against the name or the IP address that was dialled, or against `serverName`.
 */
import { createPrivateKey, X509Certificate } from "node:crypto"
import { isIP } from "node:net"
import { checkServerIdentity } from "node:tls"
import { type ChannelCredentials, type ChannelOptions, credentials } from "@grpc/grpc-js"
import { DistributionServiceClient } from "../../proto/generated/herald/distribution/v1/distribution.ts"
import { formatAddress, isLoopback, parseAddress } from "../net/Address.ts"
import { OptionError } from "./ClientError.ts"
import type { Tls } from "./Options.ts"

const channelOptions: ChannelOptions = {
  "grpc.keepalive_time_ms": 20_000,
  "grpc.keepalive_timeout_ms": 10_000,
  "grpc.keepalive_permit_without_calls": 1,
  "grpc-node.flow_control_window": 4 * 1024 * 1024,
  "grpc.max_reconnect_backoff_ms": 20_000,
  "grpc.max_receive_message_length": 8 * 1024 * 1024,
  "grpc.use_local_subchannel_pool": 1,
  "grpc.enable_http_proxy": 0 // DA1: grpc-js would take `http_proxy` and others from the environment
}

/** Stands in the handshake for an IP address, which RFC 6066 forbids there; nothing is checked against it. */
const noName = "herald"

type Pem = string | Uint8Array | undefined

const bytes = (pem: Pem): Buffer | null => (pem === undefined ? null : Buffer.from(pem as string))

const wrong = (name: string, what: string, fix: string): never => {
  throw new OptionError(`tls.${name} ${what}. ${fix}`)
}

const checkCertificates = (name: string, pem: Pem): void => {
  if (pem === undefined) return
  const found = bytes(pem)
    ?.toString("latin1")
    .match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g)
  const fix = "Give the text of a PEM file, -----BEGIN CERTIFICATE----- and what follows."
  if (!found) wrong(name, "holds no certificate", fix)
  for (const one of found ?? []) {
    try {
      new X509Certificate(one)
    } catch {
      wrong(name, "holds a certificate that can't be read", fix)
    }
  }
}

const checkKey = (name: string, pem: Pem): void => {
  if (pem === undefined) return
  try {
    createPrivateKey(bytes(pem)!)
  } catch {
    wrong(name, "is no private key that can be read", "Give the text of a PEM file without a passphrase.")
  }
}

/** `proxy` as grpc-js wants it. No error shows its password. */
const proxyOf = (proxy: string | undefined): { readonly address: string; readonly creds: string } | undefined => {
  if (proxy === undefined) return undefined
  const url = URL.parse(proxy)
  if (url?.protocol !== "http:" || url.hostname === "" || (url.pathname !== "/" && url.pathname !== "")) {
    throw new OptionError("proxy is not the address of an HTTP proxy. Write http://host:port, or leave it out.")
  }
  const creds = [url.username, url.password].filter((part) => part !== "").map(decodeURIComponent)
  return { address: `${url.hostname}:${url.port === "" ? 80 : url.port}`, creds: creds.join(":") }
}

export class GrpcDial {
  readonly #tls: Exclude<Tls, boolean> | undefined
  readonly #proxy: { readonly address: string; readonly creds: string } | undefined

  /** Throws `OptionError` for what can't be used. */
  constructor({ tls, proxy }: { readonly tls?: Tls | undefined; readonly proxy?: string | undefined }) {
    this.#tls = tls === true ? {} : tls || undefined
    this.#proxy = proxyOf(proxy)
    const { rootCertificates, certificateChain, privateKey } = this.#tls ?? {}
    checkCertificates("rootCertificates", rootCertificates)
    checkCertificates("certificateChain", certificateChain)
    checkKey("privateKey", privateKey)
    const pair = "privateKey and tls.certificateChain"
    if ((privateKey === undefined) !== (certificateChain === undefined))
      wrong(pair, "belong together", "Give both or none.")
    try {
      this.#credentials("")
    } catch {
      wrong(pair, "do not fit each other", "Give the certificate that was made for this key.")
    }
  }

  client(address: string): DistributionServiceClient {
    const parsed = parseAddress(address)
    if ("wrong" in parsed) throw new OptionError(`address "${address}" ${parsed.wrong}.`)
    const dialled = formatAddress(parsed)
    const serverName = this.#tls?.serverName
    const name = serverName ?? parsed.host
    const options: ChannelOptions = {
      ...channelOptions,
      ...(serverName === undefined ? {} : { "grpc.default_authority": serverName }),
      ...(this.#tls === undefined ? {} : { "grpc.ssl_target_name_override": isIP(name) === 0 ? name : noName })
    }
    const proxy = isLoopback(parsed.host) ? undefined : this.#proxy // DA1
    if (proxy === undefined) return new DistributionServiceClient(dialled, this.#credentials(name), options)
    return new DistributionServiceClient(proxy.address, this.#credentials(name), {
      "grpc.default_authority": dialled,
      ...options,
      "grpc.http_connect_target": `dns:${dialled}`,
      ...(proxy.creds === "" ? {} : { "grpc.http_connect_creds": proxy.creds })
    })
  }

  #credentials(name: string): ChannelCredentials {
    if (this.#tls === undefined) return credentials.createInsecure()
    const { rootCertificates, privateKey, certificateChain } = this.#tls
    return credentials.createSsl(bytes(rootCertificates), bytes(privateKey), bytes(certificateChain), {
      checkServerIdentity: (_, certificate) => checkServerIdentity(name, certificate as never) // DA2
    })
  }
}
