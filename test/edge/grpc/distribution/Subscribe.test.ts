import { assert, describe, it, vi } from "@effect/vitest"
import { AckOutcome } from "../../../../proto/generated/herald/distribution/v1/distribution.ts"
import { Sessions } from "../../../../src/sessions/Sessions.ts"
import { publish } from "../../../support/Release.ts"
import { waitUntil } from "../../../support/waitUntil.ts"
import { Call, calling } from "./Calling.ts"

const { spans, run, open, gated } = calling()

describe("Distribution", () => {
  it("G3 acks are handled where they arrive: 1,000 make no span, and count before anything else runs", async () => {
    const subscribe = await open()
    const call = new Call()
    subscribe(call)
    call.say({ serviceName: "svc", instanceId: "i1", control: true })
    await run(publish({ value: "v" }))
    await waitUntil("the value", () => call.got.some((update) => update.key === "svc"))
    const { key, revision } = call.got.find((update) => update.key === "svc")!
    const sessions = await run(Sessions)
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
    calls[1]?.leave()
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

  it("G4 a call that ends without a message is told so at once", async () => {
    const subscribe = await open()
    const call = new Call()
    subscribe(call)
    call.close()

    assert.strictEqual(call.errors[0]?.code, 3)
  })

  it("N1 who closes its half of the call has left; whose call breaks off is gone, if it knows the protocol", async () => {
    const subscribe = await open()
    const sessions = await run(Sessions)
    const ended = vi.spyOn(sessions, "end")
    const calls = [true, true, false].map((control, i) => {
      const call = new Call()
      subscribe(call)
      call.say({ serviceName: "svc", instanceId: `ends${i}`, control })
      return call
    })
    await waitUntil("all of them to be let in", () => calls.every(({ got }, i) => i === 2 || got.length > 0))
    await waitUntil("the simple one, too", () => sessions.size() >= 3)
    calls[0]?.close()
    calls[1]?.leave()
    calls[2]?.leave()
    await waitUntil("their ends", () => ended.mock.calls.length >= 3)

    assert.deepStrictEqual(
      ended.mock.calls.map(([{ subscription }, { name, broke }]) => [subscription.client.instance, name, broke]),
      [
        ["ends0", "Closed", undefined],
        ["ends1", "Closed", true],
        ["ends2", "Closed", undefined]
      ]
    )
  })

  it("G4 a client that left before it was let in leaves no session behind", async () => {
    const subscribe = await open()
    const [early, late] = [new Call(), new Call()]
    const { sessions, gate, opened } = await gated()
    subscribe(early)
    early.say({ serviceName: "svc", instanceId: "i1", control: true })
    early.leave()
    subscribe(late)
    late.say({ serviceName: "svc", instanceId: "i2", control: true })
    await waitUntil("the session to be asked for", () => opened.mock.calls.length > 0)
    late.leave()
    gate.openUnsafe()
    await waitUntil("the end of the session", () => sessions.size() === 0)

    assert.deepStrictEqual([...early.errors, ...late.errors], [])
  })
})
