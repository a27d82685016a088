import { assert, describe, it } from "@effect/vitest"
import { FakeHerald } from "../support/FakeHerald.ts"
import { NOW, terminal } from "../support/Terminal.ts"
import { rollout } from "./verbs/rollouts/Answers.ts"

describe("looking at the fleet as a whole", () => {
  it("status shows versions by service, how many have which, and who refused what", async () => {
    await using herald = await FakeHerald.start()
    const at = (version: number, clients: number) => ({ version, revision: version, epoch: "e", clients })
    const key = {
      key: "shop",
      desired: { version: 3, revision: 3, epoch: "e" },
      clients: 10,
      applied: 7,
      rejected: 1,
      problem: 0,
      pending: 2,
      versions: [at(3, 7), at(2, 3)]
    }
    const service = { environment: "production", service: "shop", connected: 10, away: 1, more: false, keys: [key] }
    const holds = { configuration: 12, flag: 1, segment: 0, toy: 7 }
    const health = { status: "ready", degraded: ["redis"], epoch: "e", revision: 9, holds }
    herald.on("GET /readyz", { body: health, strange: true })
    herald.on("GET /v1/clients/summary", { body: { services: [service], next: null } })
    const rejected = { version: 3, revision: 3, epoch: "e", at: 1, reason: "port is taken" }
    const refuser = { service: "shop", instance: "w7", keys: [{ key: "shop", rejected, problem: "" }] }
    herald.on("GET /v1/clients", { body: { clients: [refuser], next: null }, strange: true })
    const node = (name: string, seenAt: number) => ({ node: name, run: `r-${name}`, since: 1, seenAt, clients: 5 })
    herald.on("GET /v1/nodes", { body: { nodes: [node("a", NOW), node("b", NOW - 10_000), node("c", NOW - 600_000)] } })
    herald.on("GET /v1/rollouts", { body: { rollouts: [rollout({ state: "paused" })], next: null } })
    const cli = terminal({ terminal: true })
    assert.strictEqual(await cli.run("status", "--server", herald.url), 0, cli.said)
    assert.deepStrictEqual(cli.printed.split("\n"), [
      `${herald.url} ready, revision 9, without redis`,
      "2 nodes: a (5), b (5)",
      "  c last seen 10 min ago",
      "12 keys, 1 flag",
      "10 clients connected, 1 away",
      "SERVICE  ENV         CLIENTS  KEY   NEWEST  HAVE IT  OTHERS",
      "shop     production       10  shop       3     7/10  3 on 2, 1 rejected, 2 to go",
      "rollouts (herald rollout status <id>)",
      "  r17 in production paused, stage 2 of 4 (10%): user-service 41 → 42",
      "refused",
      "  shop/w7  shop version 3 rejected: port is taken"
    ])
    const rolled = herald.requests.filter(({ line }) => line === "GET /v1/rollouts")
    assert.deepStrictEqual(
      rolled.map(({ query }) => query),
      [{ environment: "production", state: "active", limit: "10" }]
    )
    const refused = herald.requests.find(({ line }) => line === "GET /v1/clients")
    assert.deepStrictEqual(refused?.query, { rejected: "true", connected: "true", limit: "10", keys: "1" })
  })
})
