/**
 * The transport over @grpc/grpc-js.
 *
 *   GT1  Every attempt has a channel of its own: gRPC's connection backoff never adds to ours, and names resolve anew.
 *   GT2  Keepalive pings notice a silent partition within 30 s; 20 s apart is what servers tolerate.
 *   GT3  With several addresses each attempt takes the next one of a list that every client shuffles for itself; reports go where
 *        the stream goes.
 *   GT4  After `close` nothing of it keeps the process alive: no call, no timer, no question for a token.
 *   GT5  A held stream is not read: HTTP/2's window fills, and the server keeps the newest of each key.
 */
import { type Client, type ClientDuplexStream, Metadata, type MethodDefinition, status } from "@grpc/grpc-js"
import {
  type ConfigUpdate,
  type DistributionServiceClient,
  DistributionServiceService as distribution,
  type ReportHealthRequest,
  type SubscribeRequest
} from "../../proto/generated/herald/distribution/v1/distribution.ts"
import {
  type ReportRequest,
  type ReportResponse,
  ReportingServiceService as reporting
} from "../../proto/generated/herald/reporting/v1/reporting.ts"
import { plainly } from "../net/Reason.ts"
import { Bearer } from "./Bearer.ts"
import { ClosedError, messageOf, ReportError } from "./ClientError.ts"
import { errors } from "./Errors.ts"
import { GrpcDial } from "./GrpcDial.ts"
import type { Tls, Token } from "./Options.ts"
import type { Ended, Stream, StreamEvents, Transport } from "./Transport.ts"

const goodbyeMillis = 500
const reportMillis = 10_000
const defaultTokenMillis = 10_000

/** Fisher and Yates (1938), so that the clients of a lost node spread over all others. */
const shuffled = (addresses: ReadonlyArray<string>): ReadonlyArray<string> => {
  const all = [...addresses]
  for (let i = all.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1))
    ;[all[i], all[j]] = [all[j]!, all[i]!]
  }
  return all
}

export interface GrpcTransportOptions {
  /** One, or those of the nodes of a cluster. */
  readonly address: string | ReadonlyArray<string>
  readonly token?: Token | undefined
  /** Milliseconds that a token function may take. 10,000. */
  readonly tokenMillis?: number | undefined
  readonly tls?: Tls | undefined
  readonly proxy?: string | undefined
}

export class GrpcTransport implements Transport {
  readonly #dial: GrpcDial
  readonly #bearer: Bearer
  readonly #tokenMillis: number
  readonly #addresses: ReadonlyArray<string>
  /** GT4 */
  readonly #pending = new Set<AbortController>()
  #attempt = 0
  #closed = false
  #reports: DistributionServiceClient | undefined

  /** Throws `OptionError`. */
  constructor(options: GrpcTransportOptions) {
    this.#addresses = shuffled(typeof options.address === "string" ? [options.address] : options.address)
    this.#dial = new GrpcDial(options)
    this.#bearer = new Bearer(options.token)
    this.#tokenMillis = options.tokenMillis ?? defaultTokenMillis
  }

  open(first: SubscribeRequest, events: StreamEvents): Stream {
    if (this.#attempt++ > 0 && this.#addresses.length > 1) this.#leaveReports() // GT3
    const client = this.#dial.client(this.#address())
    const waiting: Array<SubscribeRequest> = [first]
    const asking = this.#limited(this.#tokenMillis, "the token function did not answer")
    let call: ClientDuplexStream<SubscribeRequest, ConfigUpdate> | undefined
    let over = false
    let held = false
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
      if (held) call.pause()
      call.on("error", () => {}) // `status` follows and says the same
      call.on("drain", () => over || events.writable())
      call.on("status", (s) => end(this.#endedOf(s.code, s.details, s.metadata)))
      let room = true
      for (const request of waiting.splice(0)) room = call.write(request)
      if (room) events.writable()
    }
    const drop = () => {
      over = true
      asking.stop(new ClosedError())
      call?.cancel()
      client.close()
    }
    const goodbye = async (open: ClientDuplexStream<SubscribeRequest, ConfigUpdate>) => {
      over = true
      open.end()
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, goodbyeMillis)
        left = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      drop()
    }
    let leaving: Promise<void> | undefined
    this.#metadata(asking.signal)
      .then(begin)
      .catch((error) => end(this.#endedOf(status.UNAVAILABLE, messageOf(error))))
      .finally(() => asking.stop())
    return {
      send: (request) => {
        if (over) return false
        if (call !== undefined) return call.write(request)
        waiting.push(request)
        return false
      },
      hold: (wanted) => {
        held = wanted
        if (held) call?.pause()
        else call?.resume()
      },
      drop,
      finish: async () => {
        if (!over && call !== undefined) leaving = goodbye(call)
        if (leaving === undefined) drop()
        await leaving
      }
    }
  }

  async reportHealth(request: ReportHealthRequest): Promise<boolean> {
    const { accepted } = await this.#say("the health report", distribution.reportHealth, request)
    return accepted
  }

  report(request: ReportRequest): Promise<ReportResponse> {
    return this.#say("the report on flags", reporting.report, request)
  }

  close(): void {
    this.#closed = true
    for (const control of [...this.#pending]) control.abort(new ClosedError())
    this.#leaveReports()
  }

  /** `what`: what is said, for people. Rejects with `ReportError` or `ClosedError`. */
  async #say<I, O>(what: string, method: MethodDefinition<I, O>, request: I): Promise<O> {
    if (this.#closed) throw new ClosedError()
    const limit = this.#limited(reportMillis, "no answer")
    try {
      const metadata = await this.#metadata(limit.signal)
      limit.signal.throwIfAborted() // GT4
      this.#reports ??= this.#dial.client(this.#address())
      return await this.#answer(this.#reports, what, method, request, metadata, limit.signal)
    } catch (error) {
      if (error instanceof ReportError || error instanceof ClosedError) throw error
      throw this.#notTaken(what, undefined, messageOf(error))
    } finally {
      limit.stop()
    }
  }

  #answer<I, O>(
    client: Client,
    what: string,
    { path, requestSerialize, responseDeserialize }: MethodDefinition<I, O>,
    request: I,
    metadata: Metadata,
    signal: AbortSignal
  ): Promise<O> {
    return new Promise((resolve, reject) => {
      const call = client.makeUnaryRequest<I, O>(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        metadata,
        (error, response) => {
          if (error === null) return resolve(response!)
          const ended = this.#endedOf(error.code, error.details, error.metadata)
          reject(this.#notTaken(what, ended.code, ended.message, ended.status))
        }
      )
      signal.addEventListener("abort", () => {
        reject(signal.reason)
        call.cancel()
      })
    })
  }

  #notTaken(what: string, code: string | undefined, why: string, status?: number): ReportError {
    const text = `${what} was not taken by ${this.#address()}: ${why}. Report again when the client is live.`
    return new ReportError(code ?? errors.NotConnected.code, text, status)
  }

  /** A signal that aborts after `millis`, or with `close`; `stop` clears the timer. */
  #limited(millis: number, what: string) {
    const control = new AbortController()
    this.#pending.add(control)
    const timer = setTimeout(() => control.abort(new Error(`${what} in ${millis} ms`)), millis)
    const stop = (why?: Error) => {
      clearTimeout(timer)
      this.#pending.delete(control)
      if (why !== undefined) control.abort(why)
    }
    return { signal: control.signal, stop }
  }

  #endedOf(code: number, details: string, trailers?: Metadata): Ended {
    const trailer = (name: string) => trailers?.get(name)[0]?.toString()
    const wait = Number(trailer("retry-after-ms"))
    return {
      status: code,
      message: plainly(this.#bearer.without(details)),
      code: trailer("herald-code") ?? /HRLD-\d{4}/.exec(details)?.[0],
      hopeless: trailer("herald-reconnect") === "no",
      reconnectAfterMillis: wait > 0 ? wait : undefined
    }
  }

  #leaveReports(): void {
    this.#reports?.close()
    this.#reports = undefined
  }

  #address(): string {
    return this.#addresses[Math.max(0, this.#attempt - 1) % this.#addresses.length]!
  }

  async #metadata(signal: AbortSignal): Promise<Metadata> {
    const metadata = new Metadata()
    const header = await this.#bearer.header(signal)
    if (header !== undefined) metadata.set("authorization", header)
    return metadata
  }
}
