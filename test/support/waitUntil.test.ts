import { assert, describe, it, onTestFinished, vi } from "@effect/vitest"
import { InVain, waitUntil } from "./waitUntil.ts"

const fails = async (waiting: Promise<unknown>): Promise<Error> => {
  try {
    await waiting
  } catch (error) {
    return error as Error
  }
  throw new Error("it did not fail")
}

/** What it fails with on a clock that the test moves, so that a busy machine looks as often as an idle one. */
const failsInTime = async (waiting: () => Promise<unknown>, millis: number): Promise<Error> => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const error = fails(waiting())
  await vi.advanceTimersByTimeAsync(millis)
  return error
}

describe("waitUntil", () => {
  it("takes a condition that throws for one that does not hold yet", async () => {
    let looks = 0
    const look = () => {
      if (++looks < 3) throw new Error("no such file")
      return looks
    }
    assert.strictEqual(await waitUntil("the file", look), 3)
  })

  it("says what the condition threw last when it gives up, and nothing that is over", async () => {
    const thrown = new Error("no such file")
    const never = () => Promise.reject(thrown)
    const error = await failsInTime(() => waitUntil("the file", never, 100), 100)
    assert.strictEqual(error.message, "waited 100 ms in vain for: the file; at last: no such file")
    assert.strictEqual(error.cause, thrown)
    let looks = 0
    const over = () => {
      if (++looks === 1) throw thrown
    }
    const then = await failsInTime(() => waitUntil("it", over, 100), 100)
    assert.strictEqual(then.message, "waited 100 ms in vain for: it")
    assert.strictEqual(looks, 5)
  })

  it("ends at once when waiting is in vain", async () => {
    let looks = 0
    const look = () => {
      looks++
      throw new InVain("the server ended")
    }
    assert.strictEqual((await fails(waitUntil("the server", look))).message, "the server ended")
    assert.strictEqual(looks, 1)
  })

  it("lets an assertion of the condition through at once", async () => {
    let looks = 0
    const look = () => {
      looks++
      assert.strictEqual(looks, 2)
    }
    assert.strictEqual((await fails(waitUntil("it", look))).name, "AssertionError")
    assert.strictEqual(looks, 1)
  })
})
