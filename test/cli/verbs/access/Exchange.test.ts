/** `herald key exchange`: what it asks, and what it says of the answer. */
import { assert, describe, it } from "vitest"
import { NOW, terminal } from "../../../support/Terminal.ts"
import { ask } from "../../Ask.ts"

const made = {
  ...{ token: "hrst_abc.def", name: "ci", keyId: "3f9c2a", role: "publisher", environments: ["staging"] },
  ...{ keys: ["payments.*"], until: NOW + 300_000, untilTime: new Date(NOW + 300_000).toISOString() }
}
const exchange = (args: ReadonlyArray<string>, options = {}) =>
  ask(["key", "exchange", ...args], "POST /v1/token", { status: 201, body: made }, options)

describe("herald key exchange", () => {
  it("asks for 15 minutes of all that one may, and shows until when the token is good", async () => {
    const { exit, request, printed } = await exchange([])
    assert.deepStrictEqual([exit, request.body], [0, { lifeMillis: 900_000 }])
    assert.strictEqual(
      printed,
      [
        "name  ci",
        "role  publisher in staging",
        "keys  payments.*",
        "ends  2026-01-02T03:09:05Z",
        "hrst_abc.def",
        "whoever has this token may do that until then: give it as HERALD_TOKEN"
      ].join("\n")
    )
    const json = await exchange(["--output", "json"])
    assert.deepStrictEqual(JSON.parse(json.printed), made)
  })

  it("asks for less, in the words of a key", async () => {
    const rights = [
      "--role",
      "viewer",
      "-e",
      "dev,staging",
      "--env",
      "production",
      "--keys",
      "a.*,b",
      "--kinds",
      "config, flag"
    ]
    const { request } = await exchange(["--for", "1h", ...rights, "--topic", "orders/*"])
    assert.deepStrictEqual(request.body, {
      lifeMillis: 3_600_000,
      role: "viewer",
      environments: ["dev", "staging", "production"],
      topics: ["orders/*"],
      keys: ["a.*", "b"],
      kinds: ["config", "flag"]
    })
  })

  it("refuses what is no span before anything is asked", async () => {
    for (const span of ["soon", "1d", "15", "-1m", "2027-01-31"]) {
      const cli = terminal()
      assert.strictEqual(await cli.run("key", "exchange", `--for=${span}`), 2, span)
      assert.include(cli.said, "Write 15m or 1h")
    }
  })
})
