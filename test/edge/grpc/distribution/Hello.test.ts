import { assert, describe, it, vi } from "@effect/vitest"
import { UpdateKind } from "../../../../proto/generated/herald/distribution/v1/distribution.ts"
import type { Identity } from "../../../../src/access/Identity.ts"
import { ByteBudget } from "../../../../src/bounds/ByteBudget.ts"
import { waitUntil } from "../../../support/waitUntil.ts"
import { Call, calling } from "./Calling.ts"

const { open, gated } = calling()

describe("a hello in parts", () => {
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
    call.leave()
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
    const subscribe = await open()
    const taken = vi.spyOn(ByteBudget.prototype, "take")
    const begin = async (name: string, i: number) => {
      const call = new Call()
      const identity: Identity = { name, keyId: name, role: "subscriber", environments: ["*"] }
      const before = taken.mock.calls.length
      subscribe(call, identity)
      call.say({ serviceName: "svc", instanceId: `${name}-${i}`, control: true, heldMore: true })
      await waitUntil("the hello to be heard", () => taken.mock.calls.length > before)
      return call
    }
    const greedy: Array<Call> = []
    for (let i = 0; i < 600; i++) greedy.push(await begin("greedy", i))
    const refused = greedy.filter(({ errors }) => errors.length > 0)
    const other = await begin("other", 0)
    greedy[0]?.leave()
    const again = await begin("greedy", 600)
    for (const call of [...greedy, other, again]) call.leave()

    assert.strictEqual(refused.length, 88)
    assert.strictEqual(refused[0]?.errors[0]?.code, 8)
    assert.deepStrictEqual([other.errors, again.errors], [[], []])
  })
})
