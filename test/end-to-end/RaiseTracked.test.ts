/** A variant is raised, people buy less with it, and it is taken back by what they did: reports over REST, as any SDK sends them, and OFREP. */
import { assert, describe, it } from "@effect/vitest"
import { startServer } from "../support/Server.ts"
import { waitUntil } from "../support/waitUntil.ts"

const PATH = "/v1/flags/checkout?environment=production"
const ROLLOUTS = "/v1/rollouts"
const PEOPLE = Array.from({ length: 1_000 }, (_, n) => `user-${n}`)

describe("raising a variant that is worse", () => {
  it("VT1 MV1 its gate compares those who were shown it with the others, and takes it back", async () => {
    await using server = await startServer()
    const before = { state: "ENABLED", variants: { old: "a", new: "b" }, defaultVariant: "old" }
    assert.strictEqual((await server.call("PUT", PATH, { value: before })).status, 200)
    const gates = ["track(bought) >= 0.9 * control, every 5s"]
    const begun = await server.call("POST", ROLLOUTS, {
      environment: "production",
      plan: { raise: "new", stages: "50%,100%", bake: "10m", gates },
      flags: [{ flag: "checkout" }]
    })
    assert.strictEqual(begun.status, 200, JSON.stringify(begun.body))
    const look = async () => (await server.call("GET", `${ROLLOUTS}/${begun.body.id}?environment=production`)).body
    await waitUntil("the first stage", async () => (await look()).state === "baking")
    const { version } = await waitUntil("its flag", async () => {
      const { body } = await server.call("GET", PATH)
      return body.version === 2 && body
    })

    const shown: Array<{ unit: string; variant: string }> = []
    for (let from = 0; from < PEOPLE.length; from += 50)
      shown.push(
        ...(await Promise.all(
          PEOPLE.slice(from, from + 50).map(async (unit) => {
            const context = { targetingKey: unit, environment: "production" }
            const { body } = await server.call("POST", "/ofrep/v1/evaluate/flags/checkout", { context })
            return { unit, variant: body.variant as string }
          })
        ))
      )
    const report = await server.call("POST", "/v1/reports", {
      batchId: crypto.randomUUID(),
      sdk: "shop/1",
      exposures: shown.map((one) => ({ flag: "checkout", version, ...one }))
    })
    assert.deepInclude(report.body, { accepted: 1_000, refused: [] })
    // Two of five buy, and one of ten with the new one.
    const events = shown
      .filter(({ variant }, n) => n % 10 < (variant === "new" ? 1 : 4))
      .map(({ unit }) => ({ name: "bought", unit }))
    const tracked = await server.call("POST", "/v1/track", { events })
    assert.deepInclude(tracked.body, { refused: [] })

    const ended = await waitUntil("it to be taken back", async () => {
      const now = await look()
      return now.state === "rolled_back" && now
    })
    console.log(ended.reason)
    assert.match(
      ended.reason,
      /who were shown new had bought \(.*%\) against .*% of .*, at least 0\.9×; .*takes it back/
    )
    assert.deepStrictEqual((await server.call("GET", PATH)).body.definition, before)
  })
})
