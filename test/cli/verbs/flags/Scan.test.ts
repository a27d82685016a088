import { assert, describe, it } from "@effect/vitest"
import { repositoryOf, scan } from "../../../../src/cli/verbs/flags/Scan.ts"

const names = new Set(["new-checkout", "b", "x.y"])
const uses = (text: string) => scan(text, names).uses.map(({ name, line }) => `${line} ${name}`)
const asked = (text: string) => scan(text, names).asked.map(({ name, line }) => `${line} ${name}`)

describe("scan", () => {
  it("GZ1 finds a name between quotation marks, once a line, in whatever language", () => {
    assert.deepStrictEqual(uses(`const a = "new-checkout"\nb = 'b'; c = "b"\n\n\`x.y\``), [
      "1 new-checkout",
      "2 b",
      "4 x.y"
    ])
    assert.deepStrictEqual(uses(`{"flag": "b", "json": "{\\"flag\\": \\"x.y\\"}"}`), ["1 b", "1 x.y"])
    assert.deepStrictEqual(uses(`don't say "b" isn't`), ["1 b"])
    assert.deepStrictEqual(uses(`"new-checkout-2" new-checkout "new-checkout\n" "bb" 'b"`), [])
    assert.deepStrictEqual(uses(""), [])
    assert.deepStrictEqual(uses("\r\n\r\n'b'\r\n"), ["3 b"])
  })

  it("GZ2 finds what OpenFeature is asked for, and takes no default value for it", () => {
    for (const [language, call] of [
      ["JavaScript", `client.getBooleanValue("gone", false)`],
      ["TypeScript", `await client.getObjectDetails<Banner>(\n  'gone',\n  {})`],
      ["React", "const { value } = useFlag('gone', true)"],
      ["React", "useBooleanFlagDetails(`gone`, true)"],
      ["Go", `client.BooleanValue(ctx, "gone", false, openfeature.EvaluationContext{})`],
      ["Go", `client.StringValueDetails(context.Background(), "gone", "x")`],
      ["Go", `client.Boolean(ctx, "gone", false, evalCtx)`],
      ["Python", `client.get_boolean_value(flag_key="gone", default_value=False)`],
      ["Python", `client.get_float_details("gone", 1.0)`],
      ["Java", `client.getIntegerEvaluation("gone", 1)`],
      ["C#", `await client.GetBooleanValueAsync("gone", false)`],
      ["Ruby", `client.fetch_boolean_value(flag_key: 'gone', default_value: false)`],
      ["Kotlin", `client.getStringValue(key = "gone", defaultValue = "x")`]
    ])
      assert.deepStrictEqual(
        scan(call!, names).asked.map(({ name }) => name),
        ["gone"],
        language
      )
    assert.deepStrictEqual(asked(`x\ngetStringValue(\n  "gone",\n  "default")`), ["3 gone"])
    for (const none of [
      `getStringValue(FLAG, "default")`,
      `new StringValue("gone")`,
      `String("gone")`,
      `isBooleanValue("gone")`,
      `getBooleanValue(\`a\${b}\`)`.replace("a", '"'),
      `preferences.getString("gone", "x")`
    ])
      assert.deepStrictEqual(asked(none), [], none)
  })

  it("takes no longer for texts that are made to take long", () => {
    const quotes = scan('"'.repeat(1_000_000), names)
    assert.deepStrictEqual(quotes.uses, [])
    const calls = scan(`getBooleanValue(${" ".repeat(500)}`.repeat(2_000), names)
    assert.deepStrictEqual(calls.asked, [])
    assert.lengthOf(scan(`"b"\n`.repeat(200_000), names).uses, 200_000)
  })

  it("calls a repository by its host and path, and by nothing that is secret", () => {
    for (const origin of [
      "git@github.com:acme/shop.git",
      "https://github.com/acme/shop.git/",
      "https://ann:secret@github.com/acme/shop",
      "https://token@github.com/acme/shop\n",
      "ssh://git@github.com/acme/shop"
    ])
      assert.strictEqual(repositoryOf(origin), "github.com/acme/shop")
    assert.strictEqual(repositoryOf("ssh://git@host:2222/a/b"), "host:2222/a/b")
    assert.strictEqual(repositoryOf("/srv/git/shop.git"), "/srv/git/shop")
  })
})
