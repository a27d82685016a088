import { EventEmitter } from "node:events"
import { afterEach, assert, beforeEach, describe, it, vi } from "@effect/vitest"
import { Metadata } from "@grpc/grpc-js"
import { Effect, Latch, Layer, ManagedRuntime, Tracer } from "effect"
import {
  AckOutcome,
  ConfigUpdate,
  SubscribeRequest,
  UpdateKind
} from "../../../../proto/generated/herald/distribution/v1/distribution.ts"
import type { Identity } from "../../../../src/access/Identity.ts"
import { ByteBudget } from "../../../../src/bounds/ByteBudget.ts"
import { makeDistribution } from "../../../../src/edge/grpc/distribution/Routes.ts"
import type { Line } from "../../../../src/edge/grpc/Line.ts"
import { Sessions } from "../../../../src/sessions/Sessions.ts"
import { Slices } from "../../../../src/work/Slices.ts"
import { services } from "../../../support/Door.ts"
import { publish } from "../../../support/Release.ts"
import { waitUntil } from "../../../support/waitUntil.ts"

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
const open = async (arrivals: Pick<Slices, "soon"> = new Slices(), line?: Pick<Line, "hear" | "sink">) => {
  const robot: Identity = { name: "robot", keyId: "robot", role: "subscriber", environments: ["*"] }
  const { subscribe } = await runtime.runPromise(
    makeDistribution({ identityOf: () => robot, arrivals, lineOf: () => line as Line | undefined })
  )
  return (call: Call) => subscribe(call as unknown as Parameters<typeof subscribe>[0])
}
beforeEach(() => {
  spans = []
  runtime = start()
})
afterEach(async () => {
  vi.restoreAllMocks()
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

  const gated = async () => {
    const sessions = await runtime.runPromise(Sessions)
    const gate = Latch.makeUnsafe(false)
    const { open: opening } = sessions
    const opened = vi
      .spyOn(sessions, "open")
      .mockImplementation((first, sink) => Effect.andThen(gate.await, opening(first, sink)))
    return { sessions, gate, opened }
  }

  it("G3 what arrives before the session is open waits unread in the transport, and is heard when it is", async () => {
    const subscribe = await open()
    const call = new Call()
    const { sessions, gate, opened } = await gated()
    const heard = vi.spyOn(sessions, "heard")
    subscribe(call)
    call.say({ serviceName: "svc", instanceId: "i1", control: true })
    for (let i = 0; i < 500; i++) call.say({ heartbeat: true })
    await waitUntil("the session to be asked for", () => opened.mock.calls.length === 1)
    const [before, unread] = [heard.mock.calls.length, call.waiting.length]
    gate.openUnsafe()
    await waitUntil("the messages to be heard", () => heard.mock.calls.length === 500)

    assert.deepStrictEqual([before, unread], [0, 500])
  })

  it("G3 what waits in the stream is heard before anything comes past it", async () => {
    const left: Array<number> = []
    let direct: ((bytes: Buffer) => void) | undefined
    const call = new Call()
    const subscribe = await open(new Slices(), {
      hear: (heard) => {
        left.push(call.readableLength)
        direct = heard
      },
      sink: () => ({ write: () => true, drained: (then) => queueMicrotask(then) })
    })
    const { sessions, gate, opened } = await gated()
    const heard = vi.spyOn(sessions, "heard")
    subscribe(call)
    call.say({ serviceName: "svc", instanceId: "i1", control: true })
    for (let i = 0; i < 3; i++) call.say({ heartbeat: true })
    await waitUntil("the session to be asked for", () => opened.mock.calls.length === 1)
    gate.openUnsafe()
    await waitUntil("the messages to be heard", () => heard.mock.calls.length === 3)
    direct?.(Buffer.alloc(0))
    call.emit("cancelled", "cancelled")
    direct?.(Buffer.alloc(0))

    assert.deepStrictEqual(left, [0])
    assert.strictEqual(heard.mock.calls.length, 4)
  })

  it("G11 hellos that come all at once are read each in its turn, and not blamed for the time until then", async () => {
    const steps: Array<() => void> = []
    const subscribe = await open({ soon: (step) => void steps.push(step) })
    const { opened } = await gated()
    vi.useFakeTimers()
    const calls = Array.from({ length: 3 }, () => new Call())
    calls.forEach((call, i) => {
      subscribe(call)
      call.say({ serviceName: "svc", instanceId: `i${i}`, control: true })
    })
    calls[1]?.emit("cancelled")
    vi.advanceTimersByTime(30_000)
    vi.useRealTimers()
    const before = opened.mock.calls.length
    for (const step of steps) step()
    await waitUntil("two sessions to be asked for", () => opened.mock.calls.length === 2)

    assert.strictEqual(before, 0)
    assert.deepStrictEqual(
      calls.map(({ errors }) => errors),
      [[], [], []]
    )
  })

  const part = (from: number, to: number, more: boolean) => ({
    heldMore: more,
    held: Array.from({ length: to - from }, (_, i) => ({
      key: `svc.k${from + i}`,
      digest: "",
      revision: 0n,
      sha256: Buffer.alloc(32, 1)
    }))
  })

  it("G10 a hello in parts begins one session that knows all of them", async () => {
    const subscribe = await open()
    const call = new Call()
    const { gate, opened } = await gated()
    subscribe(call)
    call.say({ serviceName: "svc", instanceId: "i1", control: true, ...part(0, 3, true) })
    call.say(part(3, 5, true))
    call.say(part(5, 6, false))
    call.say({ heartbeat: true })
    await waitUntil("the session to be asked for", () => opened.mock.calls.length === 1)
    const held = opened.mock.calls[0]![0].held.size
    gate.openUnsafe()
    await waitUntil("the sync", () => call.got.some(({ kind }) => kind === UpdateKind.UPDATE_KIND_SYNCED))

    assert.strictEqual(held, 6)
    // What nobody knows any more is deleted.
    assert.strictEqual(call.got.filter(({ kind }) => kind === UpdateKind.UPDATE_KIND_DELETED).length, 6)
  })

  it("G4 G10 a hello that is left half said is ended, and what it said is given back", async () => {
    const subscribe = await open()
    const call = new Call()
    const given = vi.spyOn(ByteBudget.prototype, "give")
    const taken = vi.spyOn(ByteBudget.prototype, "take")
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
    subscribe(call)
    call.say({ serviceName: "svc", instanceId: "i1", control: true, ...part(0, 3, true) })
    while (taken.mock.calls.length === 0) await new Promise((resolve) => setImmediate(resolve))
    vi.advanceTimersByTime(5_000)

    assert.include(call.errors[0]?.details, "part of a hello")
    const sum = (calls: ReadonlyArray<readonly [number, ...Array<unknown>]>) =>
      calls.reduce((all, [bytes]) => all + bytes, 0)
    assert.strictEqual(sum(given.mock.calls), sum(taken.mock.calls))
  })

  it("G10 G11 what waits for its turn of a hello is not kept when its client leaves", async () => {
    const steps: Array<() => void> = []
    let busy = false
    const subscribe = await open({ soon: (step) => (busy ? void steps.push(step) : step()) })
    const call = new Call()
    const given = vi.spyOn(ByteBudget.prototype, "give")
    const taken = vi.spyOn(ByteBudget.prototype, "take")
    subscribe(call)
    call.say({ serviceName: "svc", instanceId: "i1", control: true, ...part(0, 3, true) })
    await waitUntil("the first part to be kept", () => taken.mock.calls.length === 1)
    busy = true
    call.say(part(3, 5, true))
    call.emit("cancelled", "cancelled")
    for (const step of steps) step()

    assert.strictEqual(steps.length, 1)
    assert.strictEqual(given.mock.calls.length, taken.mock.calls.length)
  })

  it("G4 a hello whose parts never end is ended", async () => {
    const subscribe = await open()
    const call = new Call()
    const taken = vi.spyOn(ByteBudget.prototype, "take")
    const given = vi.spyOn(ByteBudget.prototype, "give")
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
    subscribe(call)
    call.say({ serviceName: "svc", instanceId: "i1", control: true, heldMore: true })
    while (taken.mock.calls.length === 0) await new Promise((resolve) => setImmediate(resolve))
    for (let i = 0; i < 14 && call.errors.length === 0; i++) {
      vi.advanceTimersByTime(4_500)
      call.say({ heldMore: true })
    }

    assert.include(call.errors[0]?.details, "60 s")
    assert.strictEqual(given.mock.calls.length, taken.mock.calls.length)
  })

  it("G10 one identity's half-said hellos leave room for those of others", async () => {
    const identities = new WeakMap<Metadata, Identity>()
    const { subscribe } = await runtime.runPromise(
      makeDistribution({ identityOf: (of) => identities.get(of), arrivals: new Slices() })
    )
    const taken = vi.spyOn(ByteBudget.prototype, "take")
    const begin = async (name: string, i: number) => {
      const call = new Call()
      identities.set(call.metadata, { name, keyId: name, role: "subscriber", environments: ["*"] })
      const before = taken.mock.calls.length
      subscribe(call as unknown as Parameters<typeof subscribe>[0])
      call.say({ serviceName: "svc", instanceId: `${name}-${i}`, control: true, heldMore: true })
      await waitUntil("the hello to be heard", () => taken.mock.calls.length > before)
      return call
    }
    const greedy: Array<Call> = []
    for (let i = 0; i < 600; i++) greedy.push(await begin("greedy", i))
    const refused = greedy.filter(({ errors }) => errors.length > 0)
    const other = await begin("other", 0)
    greedy[0]?.emit("cancelled", "cancelled")
    const again = await begin("greedy", 600)
    for (const call of [...greedy, other, again]) call.emit("cancelled", "cancelled")

    assert.strictEqual(refused.length, 88)
    assert.strictEqual(refused[0]?.errors[0]?.code, 8)
    assert.deepStrictEqual([other.errors, again.errors], [[], []])
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
    const [early, late] = [new Call(), new Call()]
    const { sessions, gate, opened } = await gated()
    subscribe(early)
    early.say({ serviceName: "svc", instanceId: "i1", control: true })
    early.emit("cancelled", "cancelled")
    subscribe(late)
    late.say({ serviceName: "svc", instanceId: "i2", control: true })
    await waitUntil("the session to be asked for", () => opened.mock.calls.length > 0)
    late.emit("cancelled", "cancelled")
    gate.openUnsafe()
    await waitUntil("the end of the session", () => sessions.size() === 0)

    assert.deepStrictEqual([...early.errors, ...late.errors], [])
  })
})
