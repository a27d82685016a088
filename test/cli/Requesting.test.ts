import { assert, describe, it } from "@effect/vitest"
import { Completions } from "effect/cli"
import { herald } from "../../src/cli/Herald.ts"
import { canWait } from "../../src/cli/Requesting.ts"
import { FakeHerald } from "../support/FakeHerald.ts"
import { terminal } from "../support/Terminal.ts"

const verbsOf = (command: Completions.CommandDescriptor, path: ReadonlyArray<string> = []): ReadonlyArray<string> =>
  command.subcommands.length === 0
    ? [path.join(" ")]
    : command.subcommands.flatMap((one) => verbsOf(one, [...path, one.name]))
const verbs = verbsOf(Completions.fromCommand(herald))

describe("--request", () => {
  it("AQ12 is refused before anything is done by every command that can't ask, the list is the tree's", async () => {
    await using server = await FakeHerald.start()
    for (const verb of verbs) {
      if (canWait.has(verb)) continue
      const cli = terminal()
      const exit = await cli.run(...verb.split(" "), "--server", server.url, "--request")
      assert.deepStrictEqual([exit, cli.said.includes("HRLD-3099")], [2, true], `${verb}: ${cli.said}`)
      const spelled = terminal()
      if (verb !== "change request")
        assert.strictEqual(await spelled.run("change", "request", ...verb.split(" ")), 2, verb)
    }
    assert.deepStrictEqual(server.requests, [])
  })

  it("AQ12 is known by commands that there are, and asked about in --help", async () => {
    assert.deepStrictEqual(
      [...canWait].filter((verb) => !verbs.includes(verb)),
      []
    )
    assert.strictEqual(await terminal().run("key", "create", "--help", "--request"), 0)
  })
})
