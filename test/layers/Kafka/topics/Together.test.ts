import { assert, describe, it } from "@effect/vitest"
import { Together } from "../../../../layers/Kafka/topics/Together.ts"

const turn = () => new Promise((go) => setImmediate(go))
const always = () => 60_000

/** Requests that are answered when a test says so. */
const setUp = (most = 1_000) => {
  const requests: Array<
    PromiseWithResolvers<ReadonlyArray<string | Error>> & { readonly asked: ReadonlyArray<string> }
  > = []
  const together = new Together<string, string>({
    same: (question) => question,
    name: (question) => question.split("/")[0]!,
    weight: ([first]) => Number(first),
    most,
    ask: (asked) => {
      const one = { ...Promise.withResolvers<ReadonlyArray<string | Error>>(), asked }
      requests.push(one)
      return one.promise
    }
  })
  const answer = (at: number) => requests[at]!.resolve(requests[at]!.asked.map((question) => `to ${question}`))
  return { together, requests, answer }
}

describe("questions that go together", () => {
  it("KQ4 who asks at one time is one request, who asks while two are under way is the next, and the same is asked once", async () => {
    const { together, requests, answer } = setUp()
    const first = ["1a", "1b", "1a"].map((question) => together.ask(question, always))
    await turn()
    const second = together.ask("1c", always)
    await turn()
    const third = ["1d", "1a", "1e"].map((question) => together.ask(question, always))
    for (let n = 0; n < 5; n++) await turn()
    assert.deepStrictEqual(
      requests.map(({ asked }) => asked),
      [["1a", "1b"], ["1c"]]
    )
    answer(0)
    assert.deepStrictEqual(await Promise.all(first), ["to 1a", "to 1b", "to 1a"])
    for (let n = 0; n < 5; n++) await turn()
    assert.deepStrictEqual(requests[2]?.asked, ["1d", "1a", "1e"])
    answer(1)
    answer(2)
    assert.strictEqual(await second, "to 1c")
    assert.deepStrictEqual(await Promise.all(third), ["to 1d", "to 1a", "to 1e"])
  })

  it("KQ4 two of one name and what is too much go in requests of their own", async () => {
    const { together, requests, answer } = setUp(9)
    const all = ["1a/x", "1a/y", "4b", "5c", "9d"].map((question) => together.ask(question, always))
    for (let n = 0; n < 5; n++) await turn()
    answer(0)
    answer(1)
    for (let n = 0; n < 5; n++) await turn()
    for (let at = 2; at < requests.length; at++) answer(at)
    assert.lengthOf(await Promise.all(all), 5)
    assert.deepStrictEqual(
      requests.map(({ asked }) => asked),
      [["1a/x", "4b"], ["1a/y", "5c"], ["9d"]]
    )
  })

  it("KQ4 each has its own error and deadline; a request that fails fails all of it, and others go on", async () => {
    const { together, requests, answer } = setUp()
    const told = (asked: Promise<string>) => asked.then(String, (cause: Error) => cause.message)
    const mixed = ["1a", "1b"].map((question) => told(together.ask(question, always)))
    await turn()
    requests[0]!.resolve(["fine", new Error("refused")])
    assert.deepStrictEqual(await Promise.all(mixed), ["fine", "refused"])
    const failed = ["1c", "1d"].map((question) => told(together.ask(question, always)))
    await turn()
    requests[1]!.reject(new Error("closed"))
    assert.deepStrictEqual(await Promise.all(failed), ["closed", "closed"])
    // Whose time is over is told so, whether it waits or is under way, and whoever is in the same request.
    let left = 1_000
    const fine = told(together.ask("1e", always))
    const late = told(together.ask("1f", () => left))
    await turn()
    assert.deepStrictEqual(requests[2]?.asked, ["1e", "1f"])
    const next = together.ask("1g", always).catch(() => {})
    await turn()
    const waits = told(together.ask("1h", () => left))
    left = 0
    assert.deepStrictEqual(await Promise.all([late, waits]), [
      "Kafka did not answer in time",
      "Kafka did not answer in time"
    ])
    answer(3)
    await next
    for (let n = 0; n < 5; n++) await turn()
    assert.lengthOf(requests, 4)
    answer(2)
    assert.strictEqual(await fine, "to 1e")
  })
})
