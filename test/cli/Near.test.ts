/** What was meant by a name that isn't there. */
import { assert, describe, it } from "@effect/vitest"
import { FakeHerald, problem } from "../support/FakeHerald.ts"
import { terminal } from "../support/Terminal.ts"
import { CONFIG, head, published } from "./Ask.ts"

describe("near names", () => {
  it("a new key says whom it reaches, and what may have been meant", async () => {
    await using herald = await FakeHerald.start()
    const body = {
      changes: [{ key: "shpo", environment: "production", difference: { kind: "lines", unified: "+x" }, clients: 0 }]
    }
    herald.on("POST /v1/config/shpo/validate", { body }).on("GET /v1/config", { body: { keys: [head], next: null } })
    const cli = terminal({ terminal: true })
    assert.strictEqual(await cli.run("publish", "shpo", "x", "--dry-run", "--server", herald.url), 0, cli.said)
    assert.include(cli.printed, "shpo in production, new key, 0 clients would get it\nDid you mean shop?")

    const itself = { ...head, key: "shpo" }
    herald.on("GET /v1/config", { body: { keys: [head, itself], next: null } })
    herald.on("PUT /v1/config/shpo", { body: { ...published, key: "shpo", version: 1 } })
    herald.on("GET /v1/clients/summary", { body: { services: [], next: null } })
    const written = terminal({ terminal: true })
    assert.strictEqual(await written.run("publish", "shpo", "x", "--server", herald.url), 0, written.said)
    assert.include(written.printed, "new key, 0 clients get it. Did you mean shop?")
  })

  it("an unknown key of a write, and an environment without keys, offer what is near", async () => {
    await using herald = await FakeHerald.start()
    const environments = [{ environment: "production", keys: 3 }]
    herald.on("GET /v1/config", { body: { keys: [head], next: null } })
    herald.on("DELETE /v1/config/shpo", problem("NotFound", "there is no key shpo"))
    herald.on("GET /v1/environments", { body: { environments } })
    const key = terminal()
    assert.strictEqual(await key.run("delete", "shpo", "--server", herald.url), 4)
    assert.include(key.said, "Did you mean shop?")
    const env = terminal()
    assert.strictEqual(await env.run("delete", "shpo", "--env", "prodction", "--server", herald.url), 4)
    assert.include(env.said, "The environment prodction has no key. Did you mean --env production?")
  })

  it("what to do about a misspelt environment doesn't repeat it, where the server said what is near, too", async () => {
    await using herald = await FakeHerald.start()
    const said = "there is no key shop in prodction; did you mean production?"
    herald.on(`GET ${CONFIG}`, problem("NotFound", said))
    herald.on("GET /v1/environments", { body: { environments: [{ environment: "production", keys: 3 }] } })
    const cli = terminal()
    assert.strictEqual(await cli.run("get", "shop", "--env", "prodction", "--server", herald.url), 4)
    assert.include(cli.said, "herald env list")
    assert.notInclude(cli.said, "--env prodction")
  })

  it("NE1 whatever goes wrong in looking for it, the verb ends as it would", async () => {
    await using herald = await FakeHerald.start()
    herald.on("DELETE /v1/config/shpo", problem("NotFound", "there is no key shpo"))
    herald.on("GET /v1/config", { drop: true }).on("GET /v1/environments", { raw: "<html>" })
    const cli = terminal()
    assert.strictEqual(await cli.run("delete", "shpo", "--server", herald.url), 4)
    assert.include(cli.said, "there is no key shpo")
    herald.on(`PUT ${CONFIG}`, { body: { ...published, version: 1 } })
    assert.strictEqual(await terminal({ terminal: true }).run("publish", "shop", "x", "--server", herald.url), 0)
  })

  it("verbs and options that are misspelt are answered with the right ones", async () => {
    for (const [args, meant] of [
      [["pubish", "a", "x"], "publish"],
      [["list", "--limti", "3"], "--limit"]
    ] as const) {
      const cli = terminal()
      assert.strictEqual(await cli.run(...args), 2)
      assert.include(cli.said, meant)
    }
  })
})
