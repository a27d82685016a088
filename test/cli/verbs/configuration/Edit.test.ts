/** `herald edit`, with a person whose editing a test decides. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { shownOf, textOf, valueOf } from "../../../../src/cli/verbs/configuration/EditFile.ts"
import { FakeHerald, problem, type Reply } from "../../../support/FakeHerald.ts"
import { type TerminalOptions, terminal } from "../../../support/Terminal.ts"
import { CONFIG, published, stored } from "../../Ask.ts"

const editing = async (
  edits: ReadonlyArray<(text: string) => string>,
  puts: ReadonlyArray<Reply> = [{ body: published }],
  options: TerminalOptions = {}
) => {
  await using herald = await FakeHerald.start()
  herald.on(`GET ${CONFIG}`, { body: stored }).on(`PUT ${CONFIG}`, ...puts)
  const cli = terminal({ terminal: true, edits, ...options })
  const exit = await cli.run("edit", "shop", "--server", herald.url)
  return { exit, cli, puts: herald.requests.filter(({ line }) => line.startsWith("PUT")) }
}
const turned = (text: string) => text.replace('"x": true', '"x": false')

describe("edit", () => {
  it.effect.prop(
    "ED1 any value comes back as it is below the line",
    [Schema.String, Schema.String],
    ([value, error]) =>
      Effect.sync(() => {
        const opened = { key: "k", environment: "e", version: 1, type: "string" }
        assert.strictEqual(valueOf(textOf(opened, value, [error]), value), value)
        assert.strictEqual(valueOf(value.replaceAll("#", ""), value), undefined)
      }),
    { arbitrary: { runs: 200 } }
  )

  it("ED1 a reason that quotes the line is no line: the value begins below the one that stands alone", () => {
    const opened = { key: "k", environment: "e", version: 1, type: "string" }
    const line = textOf(opened, "", [])
      .split("\n")
      .find((one) => one.includes("begins below"))!
    for (const reason of [line, `it has\n${line}\nin it`, `\r${line}`])
      assert.strictEqual(valueOf(textOf(opened, "a\nb", [reason]), "a\nb"), "a\nb")
  })

  it("ED2 JSON is laid out, other types are as they are", () => {
    assert.strictEqual(shownOf({ type: "json", value: '{"x":1.0}' }), '{\n  "x": 1.0\n}')
    assert.strictEqual(shownOf({ type: "string", value: '{"x":1.0}' }), '{"x":1.0}')
  })

  it("ED3 what was saved is published, expecting the version that was opened", async () => {
    const { exit, cli, puts } = await editing([turned])
    assert.strictEqual(exit, 0, cli.said)
    assert.deepStrictEqual(puts[0]?.body, { value: '{\n  "x": false\n}', type: "json", expectedVersion: 3 })
    assert.include(cli.opened[0], "# shop in production, version 3, type json.")
    assert.include(cli.printed, "published shop version 3")
    assert.deepStrictEqual(cli.removed, ["/tmp/edited/shop.json"])
  })

  it("ED2 what was left as it was changes nothing, and that is said", async () => {
    for (const edit of [(text: string) => text, () => ""]) {
      const { exit, cli, puts } = await editing([edit])
      assert.strictEqual(exit, 0)
      assert.include(cli.said, "nothing changed")
      assert.deepStrictEqual(puts, [])
    }
  })

  it("ED4 what was refused is opened again with the reason at its top", async () => {
    const { exit, cli, puts } = await editing(
      [turned, (text) => text.replace('"x": false', '"x": 0')],
      [problem("SchemaViolation", "/x must be number"), { body: published }]
    )
    assert.strictEqual(exit, 0, cli.said)
    assert.match(cli.opened[1] ?? "", /^# ! HRLD-1004 .+\n# ! \/x must be number\n/)
    assert.include(cli.opened[1], '"x": false')
    assert.deepStrictEqual(
      puts.map(({ body }) => (body as { value: string }).value),
      ['{\n  "x": false\n}', '{\n  "x": 0\n}']
    )
  })

  it("ED4 whoever gives up, or came too late, is told where the text is", async () => {
    const gaveUp = await editing([turned, (text) => text], [problem("SchemaViolation", "/x must be number")])
    assert.strictEqual(gaveUp.exit, 2)
    assert.include(gaveUp.cli.said, "What you typed is kept in /tmp/edited/shop.json")
    const late = await editing([turned], [problem("VersionConflict", "it is at 4")])
    assert.strictEqual(late.exit, 5)
    assert.include(late.cli.said, "run herald edit again")
    assert.include(late.cli.said, "hat you typed is kept in /tmp/edited/shop.json")
  })

  it("ED4 an editor that leaves again what was refused ends it, as a program without a person does", async () => {
    const over = (text: string) => () => text
    const bare = over('{"x": true}')
    const lineless = await editing([bare, bare, bare], [])
    assert.strictEqual(lineless.exit, 2)
    assert.strictEqual(lineless.cli.opened.length, 2)
    assert.include(lineless.cli.said, "the line above the value is missing again")
    assert.include(lineless.cli.said, "herald publish shop @/tmp/edited/shop.json")
    const bad = over(turned(lineless.cli.opened[0] ?? ""))
    const refusal = problem("SchemaViolation", "/x must be number")
    const refused = await editing([bad, bad, bad], [refusal, refusal, refusal])
    assert.strictEqual(refused.exit, 2)
    assert.strictEqual(refused.puts.length, 1)
    assert.include(refused.cli.said, "What you typed is kept in /tmp/edited/shop.json")
  })

  it("needs a terminal", async () => {
    const { exit, cli } = await editing([], [], { terminal: false })
    assert.strictEqual(exit, 2)
    assert.include(cli.said, "an editor needs a terminal")
  })
})
