/** What to do fits the verb that was refused. */
import { assert, describe, it } from "@effect/vitest"
import { FakeHerald, problem } from "../support/FakeHerald.ts"
import { terminal } from "../support/Terminal.ts"
import { CONFIG } from "./Ask.ts"

describe("hints", () => {
  it("are of the verb: a conflict of a delete, a release, a publish", async () => {
    await using herald = await FakeHerald.start()
    const conflict = problem("VersionConflict", "it is at 4")
    herald.on(`DELETE ${CONFIG}`, conflict).on("POST /v1/releases", conflict).on(`PUT ${CONFIG}`, conflict)
    const said = async (...args: ReadonlyArray<string>) => {
      const cli = terminal({ files: { "r.yaml": "changes: [{ key: shop, value: x }]" } })
      assert.strictEqual(await cli.run("--server", herald.url, ...args), 5)
      return cli.said
    }
    assert.include(await said("delete", "shop"), "delete with --expected-version")
    assert.include(await said("release", "apply", "r.yaml"), "Correct expectedVersion of the change in the file")
    assert.include(await said("publish", "shop", "x"), "publish again with its number")
  })

  it("name the list of what is not there", async () => {
    await using herald = await FakeHerald.start()
    const absent = problem("NotFound", "there is none")
    herald.on("POST /v1/rollouts", absent)
    const begun = terminal()
    const args = ["rollout", "start", "shop", "1", "--plan", "careful", "--server", herald.url]
    assert.strictEqual(await begun.run(...args), 4)
    assert.include(begun.said, "of plans herald rollout plan list")
    herald.on("GET /v1/flags/shop", absent).on("GET /v1/segments/beta", absent).on("GET /v1/schedules/s1", absent)
    for (const [noun, verb, name] of [
      ["flag", "get", "shop"],
      ["segment", "get", "beta"],
      ["schedule", "show", "s1"]
    ] as const) {
      const cli = terminal()
      assert.strictEqual(await cli.run(noun, verb, name, "--server", herald.url), 4)
      assert.include(cli.said, `herald ${noun} list`)
      assert.notInclude(cli.said, "herald list")
    }
  })

  it("every refusal of a token says how to get back in", async () => {
    await using herald = await FakeHerald.start()
    herald.on("GET /v1/config", problem("Unauthenticated", "revoked"))
    const cli = terminal()
    assert.strictEqual(await cli.run("list", "--server", herald.url), 6)
    assert.include(cli.said, "herald key recover")
  })

  it("HZ1 a field that was typed as a flag is called by that flag", async () => {
    await using herald = await FakeHerald.start()
    const wrong = (what: string) => problem("InvalidInput", what)
    const said = async (...args: ReadonlyArray<string>) => {
      const cli = terminal()
      assert.strictEqual(await cli.run(...args, "--server", herald.url), 2)
      return cli.said
    }
    herald.on("POST /v1/routes", wrong("source: the name of a topic"))
    const route = await said("route", "add", "x", "--from=big*", "--to", "y")
    assert.match(route, /what {2}--from: the name of a topic/)
    assert.match(route, /fix {3}Correct --from\.$/m)
    herald.on("POST /v1/subscriptions", wrong("maxAttempts: an event is tried 1 to 1000 times"))
    const create = ["subscription", "create", "orders", "billing"]
    assert.include(await said(...create, "--max-attempts", "0"), "--max-attempts: an event is tried")
    assert.include(await said(...create), "what  maxAttempts: ") // nobody typed it
    herald.on("GET /v1/topics/orders/statistics", wrong("query since: a duration such as 30s"))
    assert.include(await said("topic", "stats", "orders", "--since", "1x"), "--since: a duration")
    herald.on("POST /v1/subscriptions", wrong("backoffMillis: there are 1 to 16"))
    assert.include(await said(...create, "--backoff", "1s"), "--backoff: there are")
  })
})
