import { EventEmitter } from "node:events"
import { afterEach, assert, beforeEach, describe, it, vi } from "@effect/vitest"
import { Metadata } from "@grpc/grpc-js"
import { Effect, Latch, Layer, ManagedRuntime, Tracer } from "effect"
import {
  AckOutcome,
  ConfigUpdate,
  SubscribeRequest
} from "../../../proto/generated/herald/distribution/v1/distribution.ts"
import type { Identity } from "../../../src/access/Identity.ts"
import { makeDistribution } from "../../../src/edge/grpc/Distribution.ts"
import { Sessions } from "../../../src/sessions/Sessions.ts"
import { publish } from "../../sessions/Harness.ts"
import { waitUntil } from "../../support/waitUntil.ts"
import { services } from "./Door.ts"

/** What grpc-js gives a handler, without a wire. */
class Call extends EventEmitter {
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
  say(message: Partial<SubscribeRequest>): void {
    this.emit("data", Buffer.from(SubscribeRequest.encode(SubscribeRequest.fromPartial(message)).finish()))
  }
}

let spans: Array<string>
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
const open = async () => {
  const robot: Identity = { name: "robot", keyId: "robot", role: "subscriber", environments: ["*"] }
  const { subscribe } = await runtime.runPromise(makeDistribution({ identityOf: () => robot }))
  return (call: Call) => subscribe(call as unknown as Parameters<typeof subscribe>[0])
}
beforeEach(() => {
  spans = []
  runtime = start()
})
afterEach(async () => {
  vi.useRealTimers()
  await runtime.dispose()
})

describe("Distribution", () => {
  it("G3 acks are handled where they arrive: 1,000 make no span, and count before anything else runs", async () => {
    const subscribe = await open()
    const call = new Call()
    subscribe(call)
    call.say({ serviceName: "svc", instanceId: "i1", control: true })
    await runtime.runPromise(publish({ value: "v" }))
    await waitUntil("the value", () => call.got.some((update) => update.key === "svc"))
    const { key, revision } = call.got.find((update) => update.key === "svc")!
    const sessions = await runtime.runPromise(Sessions)
    const heard = vi.spyOn(sessions, "heard")
    const before = spans.length
    let counted = 0
    for (let i = 0; i < 1_000; i++) {
      call.say({ acks: [{ key, revision, outcome: AckOutcome.ACK_OUTCOME_APPLIED, reason: "", epoch: "" }] })
      counted = heard.mock.calls.length
      assert.strictEqual(counted, i + 1)
    }

    assert.strictEqual(spans.length, before)
    assert.strictEqual(
      spans.filter((name) => name === "herald.distribution.v1.DistributionService/Subscribe").length,
      1
    )
  })

  it("G3 what arrives before the session is open is heard when it is, within a bound", async () => {
    const subscribe = await open()
    const call = new Call()
    const sessions = await runtime.runPromise(Sessions)
    const gate = Latch.makeUnsafe(false)
    const { open: opening } = sessions
    vi.spyOn(sessions, "open").mockImplementation((first, sink) => Effect.andThen(gate.await, opening(first, sink)))
    const heard = vi.spyOn(sessions, "heard")
    subscribe(call)
    call.say({ serviceName: "svc", instanceId: "i1", control: true })
    for (let i = 0; i < 500; i++) call.say({ heartbeat: true })
    const before = heard.mock.calls.length
    gate.openUnsafe()
    await waitUntil("the messages to be heard", () => heard.mock.calls.length > 0)

    assert.strictEqual(before, 0)
    assert.strictEqual(heard.mock.calls.length, 100)
  })

  it("G4 a call that says nothing within 5 s is ended with the reason", async () => {
    const subscribe = await open()
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
    const [silent, spoken] = [new Call(), new Call()]
    subscribe(silent)
    subscribe(spoken)
    spoken.say({})
    vi.advanceTimersByTime(4_999)
    const early = [...silent.errors]
    vi.advanceTimersByTime(1)

    assert.deepStrictEqual(early, [])
    assert.strictEqual(silent.errors[0]?.code, 3)
    assert.include(silent.errors[0]?.details, "5 s")
    assert.isFalse(spoken.errors.some(({ details }) => details.includes("5 s")))
  })

  it("G4 a client that left before it was let in leaves no session behind", async () => {
    const subscribe = await open()
    const call = new Call()
    const sessions = await runtime.runPromise(Sessions)
    const opened = vi.spyOn(sessions, "open")
    subscribe(call)
    call.say({ serviceName: "svc", instanceId: "i1", control: true })
    call.emit("cancelled", "cancelled")
    await waitUntil("the end of the session", () => opened.mock.calls.length === 1 && sessions.size() === 0)

    assert.deepStrictEqual(call.errors, [])
  })
})
