/** Calls of `Subscribe` without a wire, on memory twins. */
import { afterEach, beforeEach, vi } from "@effect/vitest"
import { Effect, Latch, Layer, ManagedRuntime, Tracer } from "effect"
import { ConfigUpdate, SubscribeRequest } from "../../../../proto/generated/herald/distribution/v1/distribution.ts"
import type { Identity } from "../../../../src/access/Identity.ts"
import { makeDistribution } from "../../../../src/edge/grpc/distribution/Routes.ts"
import type { CallListener, CallStatus, ServerCall } from "../../../../src/edge/grpc/ServerCall.ts"
import { Sessions } from "../../../../src/sessions/Sessions.ts"
import { Slices } from "../../../../src/work/Slices.ts"
import { services } from "../../../support/Door.ts"

/** A call without a wire. What comes and was not asked for waits. */
export class Call implements ServerCall {
  readonly path = "/herald.distribution.v1.DistributionService/Subscribe"
  readonly metadata = { get: () => [], getMap: () => ({}) }
  readonly peer = { address: "127.0.0.1", port: 1 }
  readonly host = "localhost"
  readonly deadline = Number.POSITIVE_INFINITY
  whenEnded: ServerCall["whenEnded"]
  readonly got: Array<ConfigUpdate> = []
  readonly errors: Array<CallStatus> = []
  readonly waiting: Array<Buffer> = []
  ended = false
  #listener: CallListener | undefined
  #wants = false
  #busy = false
  #closed = false
  certificate = () => undefined
  hear = (listener: CallListener) => {
    this.#listener = listener
  }
  read = () => {
    this.#wants = true
    this.#give()
  }
  begin = () => {}
  send = (bytes: Buffer) => {
    if (this.ended) return false
    this.got.push(ConfigUpdate.decode(bytes))
    return true
  }
  whenClear = (then: () => void) => queueMicrotask(then)
  end = (status: CallStatus) => {
    if (this.ended) return
    this.ended = true
    if (status.code !== 0) this.errors.push(status)
  }
  /** The client goes. */
  leave = () => {
    this.ended = true
    this.#listener?.over()
  }
  /** The client sends nothing more. */
  close(): void {
    this.#closed = true
    this.#give()
  }
  say(message: Partial<SubscribeRequest>): void {
    this.waiting.push(Buffer.from(SubscribeRequest.encode(SubscribeRequest.fromPartial(message)).finish()))
    this.#give()
  }
  #give(): void {
    if (this.#busy) return
    this.#busy = true
    while (this.#wants && this.waiting.length > 0) {
      this.#wants = false
      this.#listener?.message(this.waiting.shift()!)
    }
    this.#busy = false
    if (!this.#wants || !this.#closed || this.ended) return
    this.#wants = false
    this.#listener?.end()
  }
}

const robot: Identity = { name: "robot", keyId: "robot", role: "subscriber", environments: ["*"] }

/** A door of its own for each test of a file. */
export const calling = () => {
  const spans: Array<string> = []
  const counting = Layer.succeed(
    Tracer.Tracer,
    Tracer.make({
      span: (options) => {
        spans.push(options.name)
        return new Tracer.NativeSpan(options)
      }
    })
  )
  const start = () => ManagedRuntime.make(services.pipe(Layer.provideMerge(counting)))
  let runtime: ReturnType<typeof start>
  beforeEach(() => {
    spans.length = 0
    runtime = start()
  })
  afterEach(async () => {
    vi.restoreAllMocks()
    vi.useRealTimers()
    await runtime.dispose()
  })
  const run = <A, E>(effect: Effect.Effect<A, E, Layer.Success<typeof services>>) => runtime.runPromise(effect)

  const open = async (arrivals: Pick<Slices, "soon"> = new Slices()) => {
    const { subscribe } = await run(makeDistribution({ arrivals }))
    return (call: Call, identity = robot) => subscribe(call, identity)
  }
  /** Sessions open when the gate does. */
  const gated = async () => {
    const sessions = await run(Sessions)
    const gate = Latch.makeUnsafe(false)
    const { open: opening } = sessions
    const opened = vi
      .spyOn(sessions, "open")
      .mockImplementation((first, sink) => Effect.andThen(gate.await, opening(first, sink)))
    return { sessions, gate, opened }
  }
  return { spans, run, open, gated }
}
