/**
 * Makes calls over @grpc/grpc-js: streams, and questions with one answer. What asks for something of the server stands on this.
 *
 *   QG1  Every stream has a channel of its own, which ends with it: gRPC's connection backoff never adds to ours, and names resolve anew.
 *   QG3  What this side can't encode is told as that, and as final: another try would send the same.
 *   QG2  After `close` nothing of it keeps the process alive: no call, no timer, no question for a token.
 */
import { type Client, type ClientDuplexStream, Metadata, type MethodDefinition, status } from "@grpc/grpc-js"
import { hinted, plainly } from "../net/Reason.ts"
import { Bearer } from "./Bearer.ts"
import { ClosedError, messageOf } from "./ClientError.ts"
import { GrpcDial } from "./GrpcDial.ts"
import { NotAnswered } from "./NotAnswered.ts"
import type { Tls, Token } from "./Options.ts"
import type { Call, CallEvents, Ended } from "./Transport.ts"

const goodbyeMillis = 500
const defaultTokenMillis = 10_000

/** Fisher and Yates (1938), so that the clients of a lost node spread over all others. */
export const shuffled = (addresses: ReadonlyArray<string>): ReadonlyArray<string> => {
  const all = [...addresses]
  for (let i = all.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1))
    ;[all[i], all[j]] = [all[j]!, all[i]!]
  }
  return all
}

/** QG3: remembers what `serialize` threw, of which gRPC says INTERNAL, as servers do. */
const unencoded = <I>(serialize: (request: I) => Buffer) => {
  let wrong: Ended | undefined
  return {
    wrong: () => wrong,
    serialize: (request: I): Buffer => {
      try {
        return serialize(request)
      } catch (error) {
        const message = `what was to be sent can't be encoded: ${messageOf(error)}`
        wrong = { status: status.INTERNAL, message, code: "HRLD-1001", hopeless: true, reconnectAfterMillis: undefined }
        throw error
      }
    }
  }
}

export interface GrpcOptions {
  /** One, or those of the nodes of a cluster. */
  readonly address: string | ReadonlyArray<string>
  readonly token?: Token | undefined
  /** Milliseconds that a token function may take. 10,000. */
  readonly tokenMillis?: number | undefined
  readonly tls?: Tls | undefined
  readonly proxy?: string | undefined
}

export class GrpcCalls {
  readonly addresses: ReadonlyArray<string>
  readonly #dial: GrpcDial
  readonly #bearer: Bearer
  readonly #tokenMillis: number
  /** QG2 */
  readonly #pending = new Set<AbortController>()
  #closed = false

  /** Throws `OptionError`. */
  constructor(options: GrpcOptions) {
    this.addresses = shuffled(typeof options.address === "string" ? [options.address] : options.address)
    this.#dial = new GrpcDial(options)
    this.#bearer = new Bearer(options.token)
    this.#tokenMillis = options.tokenMillis ?? defaultTokenMillis
  }

  /** A channel, which the caller closes. */
  dial(address: string): Client {
    return this.#dial.client(address)
  }

  stream<I, O>(
    address: string,
    { path, requestStream, requestSerialize, responseDeserialize }: MethodDefinition<I, O>,
    first: ReadonlyArray<I>,
    events: CallEvents<O>
  ): Call<I> {
    const client = this.dial(address) // QG1
    const waiting: Array<I> = [...first]
    const asking = this.#limited(this.#tokenMillis, "the token function did not answer")
    let call: ClientDuplexStream<I, O> | undefined
    const encoding = unencoded(requestSerialize)
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
      call = client.makeBidiStreamRequest(path, encoding.serialize, responseDeserialize, metadata)
      call.on("data", (response: O) => over || events.message(response))
      if (held) call.pause()
      call.on("error", () => {}) // `status` follows and says the same
      call.on("drain", () => over || events.writable())
      call.on("status", (s) => end(encoding.wrong() ?? this.#endedOf(s.code, s.details, s.metadata)))
      let room = true
      for (const request of waiting.splice(0)) room = call.write(request)
      if (!requestStream)
        call.end() // what takes one request answers at its end
      else if (room) events.writable()
    }
    const drop = () => {
      over = true
      asking.stop(new ClosedError())
      call?.cancel()
      client.close()
    }
    const goodbye = async (open: ClientDuplexStream<I, O>) => {
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

  /** Milliseconds. Rejects with `NotAnswered`, or `ClosedError`. `client`: made when the question can be asked. */
  async ask<I, O>(client: () => Client, method: MethodDefinition<I, O>, request: I, millis: number): Promise<O> {
    if (this.#closed) throw new ClosedError()
    const limit = this.#limited(millis, "no answer")
    try {
      const metadata = await this.#metadata(limit.signal)
      limit.signal.throwIfAborted() // QG2
      return await this.#answer(client(), method, request, metadata, limit.signal)
    } catch (error) {
      if (error instanceof NotAnswered || error instanceof ClosedError) throw error
      throw new NotAnswered({ ...this.#endedOf(status.UNAVAILABLE, messageOf(error)), status: -1 })
    } finally {
      limit.stop()
    }
  }

  close(): void {
    this.#closed = true
    for (const control of [...this.#pending]) control.abort(new ClosedError())
  }

  #answer<I, O>(
    client: Client,
    { path, requestSerialize, responseDeserialize }: MethodDefinition<I, O>,
    request: I,
    metadata: Metadata,
    signal: AbortSignal
  ): Promise<O> {
    const encoding = unencoded(requestSerialize)
    return new Promise((resolve, reject) => {
      const call = client.makeUnaryRequest<I, O>(
        path,
        encoding.serialize,
        responseDeserialize,
        request,
        metadata,
        (error, response) => {
          if (error === null) return resolve(response!)
          reject(new NotAnswered(encoding.wrong() ?? this.#endedOf(error.code, error.details, error.metadata)))
        }
      )
      signal.addEventListener("abort", () => {
        reject(signal.reason)
        call.cancel()
      })
    })
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
      message: hinted(plainly(this.#bearer.without(details))),
      code: trailer("herald-code") ?? /HRLD-\d{4}/.exec(details)?.[0],
      hopeless: trailer("herald-reconnect") === "no",
      reconnectAfterMillis: wait > 0 ? wait : undefined
    }
  }

  async #metadata(signal: AbortSignal): Promise<Metadata> {
    const metadata = new Metadata()
    const header = await this.#bearer.header(signal)
    if (header !== undefined) metadata.set("authorization", header)
    return metadata
  }
}
