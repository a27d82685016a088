/** `herald key revoke`: which key is meant, and the last one of an admin. */
import { assert, describe, it } from "@effect/vitest"
import { FakeHerald, problem, type Reply } from "../../../support/FakeHerald.ts"
import { NOW, type TerminalOptions, terminal } from "../../../support/Terminal.ts"
import { ask } from "../../Ask.ts"

describe("revoking", () => {
  const key = {
    id: "3f9c2a",
    name: "ci",
    role: "publisher",
    environments: ["staging", "dev"],
    createdAt: NOW,
    createdBy: "admin",
    expiresAt: NOW + 90 * 86_400_000,
    revokedAt: null
  }

  it("key revoke names what it revoked", async () => {
    const { exit, printed } = await ask(["key", "revoke", "3f9c2a"], "DELETE /v1/keys/3f9c2a", { status: 204 })
    assert.strictEqual(exit, 0)
    assert.strictEqual(printed, "revoked 3f9c2a; its streams end within 5 s")
  })

  it("key revoke finds the one good key of a principal, and asks which where it has several", async () => {
    const revoked = async (keys: ReadonlyArray<object>, named: string, reply: Reply = { body: { keys } }) => {
      await using herald = await FakeHerald.start()
      herald.on("GET /v1/keys", reply).on("DELETE /v1/keys/3f9c2a", { status: 204 })
      const cli = terminal({ terminal: true })
      const exit = await cli.run("key", "revoke", named, "--yes", "--server", herald.url)
      return { exit, lines: herald.lines.slice(1), said: cli.said + cli.printed }
    }
    const gone = { ...key, id: "gone", revokedAt: 1 }
    const byName = await revoked([key, gone], "ci")
    assert.deepStrictEqual([byName.exit, byName.lines], [0, ["DELETE /v1/keys/3f9c2a"]])
    assert.include(byName.said, "revoked 3f9c2a of ci;")
    const several = await revoked([key, { ...key, id: "other" }], "ci")
    assert.deepStrictEqual([several.exit, several.lines], [2, []])
    assert.include(several.said, "3f9c2a, other")
    // An id is one, whoever is named like it, good or expired.
    const alike = [
      { ...key, expiresAt: 1 },
      { ...key, id: "other", name: "3f9c2a" }
    ]
    assert.deepStrictEqual((await revoked(alike, "3f9c2a")).lines, ["DELETE /v1/keys/3f9c2a"])
    const unlisted = await revoked([], "3f9c2a", problem("Forbidden", "not yours"))
    assert.deepStrictEqual(unlisted.lines, ["DELETE /v1/keys/3f9c2a"])
  })
})

describe("the last admin key", () => {
  const admin = { id: "a1", name: "first", role: "admin", environments: ["*"], createdAt: 1, createdBy: "x" }
  const good = { ...admin, expiresAt: null, revokedAt: null }
  const revoking = async (keys: ReadonlyArray<object>, args: ReadonlyArray<string>, options: TerminalOptions = {}) => {
    await using herald = await FakeHerald.start()
    herald.on("GET /v1/keys", { body: { keys } }).on("DELETE /v1/keys/a1", { status: 204 })
    const cli = terminal(options)
    const exit = await cli.run("key", "revoke", "a1", ...args, "--server", herald.url)
    return { exit, cli, revoked: herald.lines.includes("DELETE /v1/keys/a1") }
  }

  it("is revoked after a typed yes, or with --yes, and not otherwise", async () => {
    for (const [args, options, expected] of [
      [[], {}, false],
      [[], { terminal: true, answer: "y" }, false],
      [[], { terminal: true, answer: "yes" }, true],
      [["--yes"], {}, true]
    ] as const) {
      const { exit, cli, revoked } = await revoking([good], args, options)
      assert.strictEqual(revoked, expected, JSON.stringify([args, options]))
      assert.strictEqual(exit, expected ? 0 : 2, cli.said)
    }
  })

  it("is not the last where another is good everywhere", async () => {
    const others = [
      [{ ...good, id: "a2" }, true],
      [{ ...good, id: "a2", revokedAt: 1 }, false],
      [{ ...good, id: "a2", expiresAt: 1 }, false],
      [{ ...good, id: "a2", environments: ["dev"] }, false],
      [{ ...good, id: "a2", role: "publisher" }, false]
    ] as const
    for (const [other, expected] of others)
      assert.strictEqual((await revoking([good, other], [])).revoked, expected, JSON.stringify(other))
  })
})
