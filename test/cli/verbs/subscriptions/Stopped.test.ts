import { assert, describe, it } from "@effect/vitest"
import { FakeHerald } from "../../../support/FakeHerald.ts"
import { terminal } from "../../../support/Terminal.ts"

const BASE = "/v1/subscriptions/shop%2Forders/fo"
const update = "herald subscription update shop/orders fo --dead-letter-topic <topic>"
const resume = "herald subscription resume shop/orders fo"
const stopped = (more: object = {}) => ({
  ...{ id: "1", topic: "shop/orders", name: "fo", type: "failover", consumerGroup: "", filter: "", from: "earliest" },
  ...{ maxAttempts: 16, deadLetterTopic: "", ackTimeoutMillis: 30_000, backoffMillis: [1_000], maxInFlight: 10 },
  ...{
    status: "error",
    reason: "a consumer rejected it",
    pausedUntil: null,
    pausedUntilTime: null,
    createdAt: 0,
    createdBy: "ann"
  },
  ...{ lastActivityAt: 0, epoch: 1, version: 1, ...more }
})
const shown = async (found: object): Promise<ReadonlyArray<string>> => {
  await using herald = await FakeHerald.start()
  const figures = { backlog: 3, failed: 1, deadLetters: 0, deadLettersWait: "", consumers: 0, partitions: [] }
  herald.on(`GET ${BASE}`, { body: found })
  herald.on(`GET ${BASE}/stats`, { body: { subscription: found, ...figures } })
  const said: Array<string> = []
  for (const verb of ["show", "stats"]) {
    const cli = terminal({ terminal: true })
    const exit = await cli.run("subscription", verb, "shop/orders", "fo", "--server", herald.url)
    assert.strictEqual(exit, 0, cli.said)
    said.push(cli.out.join("\n"))
  }
  return said
}

describe("herald subscription show and stats of one in error", () => {
  it("DP3 name the commands that lead out of it", async () => {
    for (const said of await shown(stopped())) {
      assert.include(said, update)
      assert.include(said, resume)
      assert.isBelow(said.indexOf(update), said.indexOf(resume))
    }
    for (const said of await shown(stopped({ deadLetterTopic: "shop/dead" }))) {
      assert.notInclude(said, "--dead-letter-topic")
      assert.include(said, resume)
    }
    for (const said of await shown(stopped({ status: "active", reason: "" }))) assert.notInclude(said, "resume")
  })
})
