/**
 * The transport over @grpc/grpc-js.
 *
 *   GT1  Every attempt has a channel of its own: gRPC's connection backoff never adds to ours, and names resolve anew.
 *   GT2  Keepalive pings notice a silent partition within 30 s; 20 s apart is what servers tolerate.
 *   GT3  With several addresses each attempt takes the next one of a list that every client shuffles for itself; reports go where
 *        the stream goes.
 */
import { type ChannelCredentials, type ClientDuplexStream, credentials, Metadata, status } from "@grpc/grpc-js"
import {
  type ConfigUpdate,
  DistributionServiceClient,
  type ReportHealthRequest,
  type SubscribeRequest
} from "../../proto/generated/herald/distribution/v1/distribution.ts"
import { messageOf, ReportError } from "./ClientError.ts"
import type { Tls, Token } from "./Options.ts"
import type { Ended, Stream, StreamEvents, Transport } from "./Transport.ts"

const channelOptions = {
  "grpc.keepalive_time_ms": 20_000,
  "grpc.keepalive_timeout_ms": 10_000,
  "grpc.keepalive_permit_without_calls": 1,
  "grpc-node.flow_control_window": 4 * 1024 * 1024,
  "grpc.max_reconnect_backoff_ms": 20_000,
  "grpc.max_receive_message_length": 8 * 1024 * 1024,
  "grpc.use_local_subchannel_pool": 1
}
const goodbyeMillis = 500
const reportMillis = 10_000

/** Fisher and Yates (1938), so that the clients of a lost node spread over all others. */
const shuffled = (addresses: ReadonlyArray<string>): ReadonlyArray<string> => {
  const all = [...addresses]
  for (let i = all.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1))
    ;[all[i], all[j]] = [all[j]!, all[i]!]
  }
  return all
}

const credentialsOf = (tls: Tls | undefined): ChannelCredentials => {
  if (tls === undefined || tls === false) return credentials.createInsecure()
  if (tls === true) return credentials.createSsl()
  const bytes = (text: string | Uint8Array | undefined) => (text === undefined ? null : Buffer.from(text as string))
  return credentials.createSsl(bytes(tls.rootCertificates), bytes(tls.privateKey), bytes(tls.certificateChain))
}

const endedOf = (code: number, details: string, trailers?: Metadata): Ended => {
  const trailer = (name: string) => trailers?.get(name)[0]?.toString()
  const wait = Number(trailer("retry-after-ms"))
  return {
    status: code,
    message: details,
    code: trailer("herald-code") ?? /HRLD-\d{4}/.exec(details)?.[0],
    hopeless: trailer("herald-reconnect") === "no",
    reconnectAfterMillis: wait > 0 ? wait : undefined
  }
}

export interface GrpcTransportOptions {
  /** One, or those of the nodes of a cluster. */
  readonly address: string | ReadonlyArray<string>
  readonly token?: Token | undefined
  readonly tls?: Tls | undefined
}

export class GrpcTransport implements Transport {
  readonly #options: GrpcTransportOptions
  readonly #credentials: ChannelCredentials
  readonly #addresses: ReadonlyArray<string>
  #attempt = 0
  #reports: DistributionServiceClient | undefined

  constructor(options: GrpcTransportOptions) {
    this.#options = options
    this.#addresses = shuffled(typeof options.address === "string" ? [options.address] : options.address)
    this.#credentials = credentialsOf(options.tls)
  }

  open(first: SubscribeRequest, events: StreamEvents): Stream {
    if (this.#attempt++ > 0 && this.#addresses.length > 1) this.close() // GT3
    const client = this.#client()
    const waiting: Array<SubscribeRequest> = [first]
    let call: ClientDuplexStream<SubscribeRequest, ConfigUpdate> | undefined
    let over = false
    let left = () => {}
    const end = (ended: Ended) => {
      left()
      if (over) return
      over = true
      client.close()
      events.ended(ended)
    }
    const begin = (metadata: Metadata) => {
      if (over) return
      call = client.subscribe(metadata)
      call.on("data", (update: ConfigUpdate) => over || events.message(update))
      call.on("error", () => {}) // `status` follows and says the same
      call.on("status", (s) => end(endedOf(s.code, s.details, s.metadata)))
      for (const request of waiting.splice(0)) call.write(request)
    }
    const drop = () => {
      over = true
      call?.cancel()
      client.close()
    }
    this.#metadata()
      .then(begin)
      .catch((error) => {
        end(endedOf(status.UNAVAILABLE, `the token or the call could not be made: ${messageOf(error)}`))
      })
    return {
      send: (request) => {
        if (over) return
        if (call === undefined) waiting.push(request)
        else call.write(request)
      },
      drop,
      finish: async () => {
        if (over || call === undefined) return drop()
        over = true
        call.end()
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, goodbyeMillis)
          left = () => {
            clearTimeout(timer)
            resolve()
          }
        })
        drop()
      }
    }
  }

  async reportHealth(request: ReportHealthRequest): Promise<boolean> {
    const metadata = await this.#metadata()
    this.#reports ??= this.#client()
    const client = this.#reports
    return new Promise((resolve, reject) => {
      const call = client.reportHealth(request, metadata, (error, response) => {
        clearTimeout(limit)
        if (error === null) return resolve(response.accepted)
        const ended = endedOf(error.code, error.details, error.metadata)
        reject(
          new ReportError(
            ended.code ?? "HRLD-5101",
            `the health report was not taken by ${this.#address()}: ${ended.message}. Report again when the client is live.`,
            { cause: error }
          )
        )
      })
      const limit = setTimeout(() => call.cancel(), reportMillis)
    })
  }

  close(): void {
    this.#reports?.close()
    this.#reports = undefined
  }

  #address(): string {
    return this.#addresses[Math.max(0, this.#attempt - 1) % this.#addresses.length]!
  }

  #client(): DistributionServiceClient {
    const { tls } = this.#options
    const name = typeof tls === "object" ? tls.serverName : undefined
    return new DistributionServiceClient(this.#address(), this.#credentials, {
      ...channelOptions,
      ...(name === undefined ? {} : { "grpc.ssl_target_name_override": name, "grpc.default_authority": name })
    })
  }

  async #metadata(): Promise<Metadata> {
    const metadata = new Metadata()
    const { token } = this.#options
    const value = typeof token === "function" ? await token() : token
    if (value !== undefined && value !== "") metadata.set("authorization", `Bearer ${value}`)
    return metadata
  }
}
