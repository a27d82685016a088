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
import type { Client, MethodDefinition } from "@grpc/grpc-js"
import {
  DistributionServiceService as distribution,
  type ReportHealthRequest,
  type SubscribeRequest
} from "../../proto/generated/herald/distribution/v1/distribution.ts"
import {
  type ReportRequest,
  type ReportResponse,
  ReportingServiceService as reporting
} from "../../proto/generated/herald/reporting/v1/reporting.ts"
import { ClosedError, ReportError } from "./ClientError.ts"
import { errors } from "./Errors.ts"
import { GrpcCalls, type GrpcOptions } from "./GrpcCalls.ts"
import { NotAnswered } from "./NotAnswered.ts"
import type { Stream, StreamEvents, Transport } from "./Transport.ts"

const reportMillis = 10_000

export type GrpcTransportOptions = GrpcOptions

export class GrpcTransport implements Transport {
  readonly #calls: GrpcCalls
  #attempt = 0
  #reports: Client | undefined

  /** Throws `OptionError`. */
  constructor(options: GrpcTransportOptions) {
    this.#calls = new GrpcCalls(options)
  }

  open(first: SubscribeRequest, events: StreamEvents): Stream {
    if (this.#attempt++ > 0 && this.#calls.addresses.length > 1) this.#leaveReports() // GT3
    return this.#calls.stream(this.#address(), distribution.subscribe, [first], events)
  }

  async reportHealth(request: ReportHealthRequest): Promise<boolean> {
    const { accepted } = await this.#say("the health report", distribution.reportHealth, request)
    return accepted
  }

  report(request: ReportRequest): Promise<ReportResponse> {
    return this.#say("the report on flags", reporting.report, request)
  }

  close(): void {
    this.#calls.close()
    this.#leaveReports()
  }

  /** `what`: what is said, for people. Rejects with `ReportError` or `ClosedError`. */
  async #say<I, O>(what: string, method: MethodDefinition<I, O>, request: I): Promise<O> {
    const client = () => (this.#reports ??= this.#calls.dial(this.#address()))
    try {
      return await this.#calls.ask(client, method, request, reportMillis)
    } catch (error) {
      if (!(error instanceof NotAnswered)) throw error instanceof ClosedError ? error : new ClosedError()
      const { code, message, status } = error.ended
      const text = `${what} was not taken by ${this.#address()}: ${message}. Report again when the client is live.`
      throw new ReportError(code ?? errors.NotConnected.code, text, status < 0 ? undefined : status)
    }
  }

  #leaveReports(): void {
    this.#reports?.close()
    this.#reports = undefined
  }

  #address(): string {
    const { addresses } = this.#calls
    return addresses[Math.max(0, this.#attempt - 1) % addresses.length]!
  }
}
