/** Calls of `Subscribe` without a wire, on memory twins. */
import { EventEmitter } from "node:events"
import { afterEach, beforeEach, vi } from "@effect/vitest"
import { Metadata } from "@grpc/grpc-js"
import { Effect, Latch, Layer, ManagedRuntime, Tracer } from "effect"
import { ConfigUpdate, SubscribeRequest } from "../../../../proto/generated/herald/distribution/v1/distribution.ts"
import type { Identity } from "../../../../src/access/Identity.ts"
import { makeDistribution } from "../../../../src/edge/grpc/distribution/Routes.ts"
import type { Line } from "../../../../src/edge/grpc/Line.ts"
import { Sessions } from "../../../../src/sessions/Sessions.ts"
import { Slices } from "../../../../src/work/Slices.ts"
import { services } from "../../../support/Door.ts"

/** What grpc-js gives a handler, without a wire. */
export class Call extends EventEmitter {
  readonly metadata = new Metadata()
  readonly writable = true
  readonly writableNeedDrain = false
  readonly got: Array<ConfigUpdate> = []
  readonly errors: Array<{ readonly code: number; readonly details: string }> = []
  ended = false
  constructor() {
    super()
    this.on("error", (error) => this.errors.push(error))
  }
  getPeer = () => "127.0.0.1:1"
  write = (bytes: Buffer) => {
    this.got.push(ConfigUpdate.decode(bytes))
    return true
  }
  end = () => {
    this.ended = true
  }
  /** As a stream: what comes while it is paused waits. */
  readonly waiting: Array<Buffer> = []
  get readableLength() {
    return this.waiting.length
  }
  paused = false
  pause = () => {
    this.paused = true
    return this
  }
  resume = () => {
    this.paused = false
    while (!this.paused && this.waiting.length > 0) this.emit("data", this.waiting.shift())
    return this
  }
  say(message: Partial<SubscribeRequest>): void {
    const whole = Buffer.from(SubscribeRequest.encode(SubscribeRequest.fromPartial(message)).finish())
    if (this.paused) this.waiting.push(whole)
    else this.emit("data", whole)
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

  const open = async (
    arrivals: Pick<Slices, "soon"> = new Slices(),
    line?: Pick<Line, "hear" | "sink">,
    identityOf: (of: Metadata) => Identity | undefined = () => robot
  ) => {
    const { subscribe } = await run(makeDistribution({ identityOf, arrivals, lineOf: () => line as Line | undefined }))
    return (call: Call) => subscribe(call as unknown as Parameters<typeof subscribe>[0])
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
