/** The verbs that change: what they ask of the server, and what they print. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { VALUE_BYTES } from "../../../../src/values/Limits.ts"
import { FakeHerald } from "../../../support/FakeHerald.ts"
import { Choices, jsonText } from "../../../support/JsonText.ts"
import { terminal } from "../../../support/Terminal.ts"
import { ask, CONFIG, patch, published } from "../../Ask.ts"

describe("publish", () => {
  it("sends what was given and nothing else, so that the server keeps the rest", async () => {
    const { exit, request, printed } = await ask(["publish", "shop", "5"], `PUT ${CONFIG}`, { body: published })
    assert.strictEqual(exit, 0)
    assert.deepStrictEqual(request.query, { environment: "production" })
    assert.deepStrictEqual(request.body, { value: "5" })
    assert.strictEqual(printed, "published shop version 3 in production (revision 7)")
  })

  it("takes type, schema, strictness, expected version, message and environment", async () => {
    const { request } = await ask(
      [
        ...["publish", "shop", "@v.json", "--type", "json", "--schema", "@s.json", "--no-strict"],
        ...["--expected-version", "0", "-m", "why", "--env", "staging"]
      ],
      `PUT ${CONFIG}`,
      { body: published },
      { files: { "v.json": '{"x":1}\n', "s.json": '{"type":"object"}' } }
    )
    assert.deepStrictEqual(request.query, { environment: "staging" })
    assert.deepStrictEqual(request.body, {
      value: '{"x":1}',
      type: "json",
      schema: { type: "object" },
      strict: false,
      expectedVersion: 0,
      message: "why"
    })
  })

  it("reads a value from standard input, an escaped @, a leading dash, and a schema's removal", async () => {
    const cases: ReadonlyArray<readonly [ReadonlyArray<string>, unknown]> = [
      [["-"], { value: "piped\n" }],
      [["@@name"], { value: "@name" }],
      [["--type", "number", "--", "-5"], { type: "number", value: "-5" }],
      [["x", "--schema", "none"], { value: "x", schema: null }],
      [["x", "--strict"], { value: "x", strict: true }]
    ]
    for (const [args, body] of cases) {
      const dashes = args.indexOf("--")
      const before = dashes < 0 ? args : args.slice(0, dashes)
      await using herald = await FakeHerald.start()
      herald.on(`PUT ${CONFIG}`, { body: published })
      const cli = terminal({ stdin: "piped\n\n" })
      const given = ["publish", "--server", herald.url, "shop", ...before, ...(dashes < 0 ? [] : args.slice(dashes))]
      assert.strictEqual(await cli.run(...given), 0, cli.said)
      assert.deepStrictEqual(herald.last.body, body)
    }
  })

  it.effect.prop(
    "IN1 any text arrives byte for byte, from a file, standard input or the command line",
    [Schema.String, Choices],
    Effect.fnUntraced(function* ([any, choices]) {
      yield* Effect.promise(async () => {
        for (const text of [any.toWellFormed(), `${jsonText(choices)}\r\n `]) {
          if (text.includes("\ufffd")) continue
          const value = async (argument: string, content: string): Promise<unknown> => {
            await using herald = await FakeHerald.start()
            herald.on(`PUT ${CONFIG}`, { body: published })
            const cli = terminal({ stdin: content, files: { v: content } })
            assert.strictEqual(await cli.run("publish", "--server", herald.url, "shop", "--", argument), 0, cli.said)
            return (herald.last.body as { value: unknown }).value
          }
          assert.strictEqual(await value("-", `${text}\n`), text)
          assert.strictEqual(await value("@v", `${text}\n`), text)
          if (/^[^-@\0]/.test(text)) assert.strictEqual(await value(text, ""), text)
        }
      })
    }),
    { arbitrary: { runs: 25 } }
  )

  it("IN1 what is not UTF-8 is refused, and nothing is sent", async () => {
    const latin1 = Buffer.from("caf\xe9 price=\xa35", "latin1")
    for (const [args, message] of [
      [["-"], "standard input is not valid UTF-8"],
      [["@latin1"], "latin1 is not valid UTF-8"],
      [["caf\ufffd"], "U+FFFD"],
      [["\ud800"], "U+FFFD"],
      [["x", "--schema", '{"maximum":9007199254740993}'], "9007199254740993"],
      [["x", "--schema", '{"type":"object","type":"number"}'], '"type" appears twice']
    ] as const) {
      const given = ["publish", "shop", ...args]
      const { exit, cli, herald } = await ask(
        given,
        `PUT ${CONFIG}`,
        { body: published },
        { stdin: latin1, files: { latin1 } }
      )
      assert.strictEqual(exit, 2)
      assert.include(cli.said, message)
      assert.deepStrictEqual(herald.lines, [])
    }
  })

  it("IN2 no more is read than a value may have", async () => {
    const large = new Uint8Array(2 * VALUE_BYTES).fill(120)
    for (const argument of ["-", "@large"]) {
      const given = ["publish", "shop", argument]
      const { exit, cli, herald } = await ask(
        given,
        `PUT ${CONFIG}`,
        { body: published },
        { stdin: large, files: { large } }
      )
      assert.strictEqual(exit, 2)
      assert.include(cli.said, "A value may have at most 1048576 bytes")
      assert.deepStrictEqual(herald.lines, [])
    }
    const most = `${"x".repeat(VALUE_BYTES)}\r\n`
    const { exit, request } = await ask(["publish", "shop", "-"], `PUT ${CONFIG}`, { body: published }, { stdin: most })
    assert.strictEqual(exit, 0)
    assert.strictEqual((request.body as { value: string }).value.length, VALUE_BYTES)
  })

  it("escapes a key in the path", async () => {
    const { exit } = await ask(["publish", "a/b c", "x"], "PUT /v1/config/a%2Fb%20c", { body: published })
    assert.strictEqual(exit, 0)
  })

  it("says that nothing was written when the key was replayed", async () => {
    const { printed } = await ask(["publish", "shop", "x"], `PUT ${CONFIG}`, { body: { ...published, replayed: true } })
    assert.include(printed, "nothing was written now: this idempotency key had this result before")
  })

  it("a wrong schema, a missing file or a missing name is wrong usage, and sends nothing", async () => {
    for (const [args, message] of [
      [["x", "--schema", "{"], "the schema is not JSON"],
      [["@no.json"], "no.json: there is no such file"],
      [["@"], "a file name is missing after @"]
    ] as const) {
      const { exit, cli, herald } = await ask(["publish", "shop", ...args], `PUT ${CONFIG}`, { body: published })
      assert.strictEqual(exit, 2)
      assert.include(cli.said, message)
      assert.deepStrictEqual(herald.lines, [])
    }
  })

  it("validate and --dry-run ask without writing", async () => {
    const body = { changes: [{ key: "shop", environment: "production", difference: patch, clients: 1 }] }
    for (const args of [
      ["validate", "shop", "x"],
      ["publish", "shop", "x", "--dry-run"]
    ]) {
      const { exit, printed, request } = await ask(args, `POST ${CONFIG}/validate`, { body })
      assert.strictEqual(exit, 0)
      assert.deepStrictEqual(request.body, { value: "x" })
      assert.strictEqual(
        printed,
        "valid, nothing was written\nshop in production, 1 connected client would get it\n~ /x false"
      )
    }
  })
})

describe("taking back", () => {
  it("rollback names the version to return to", async () => {
    const args = ["rollback", "shop", "--to", "2", "--message", "x broke login"]
    const { request, printed } = await ask(args, `POST ${CONFIG}/rollback`, { body: published })
    assert.deepStrictEqual(request.body, { version: 2, message: "x broke login" })
    assert.strictEqual(printed, "rolled back to version 2: shop version 3 in production (revision 7)")
  })

  it("delete tells why and which version it expects", async () => {
    const args = ["delete", "shop", "--message", "old", "--expected-version", "3"]
    const { request, printed } = await ask(args, `DELETE ${CONFIG}`, { body: published })
    assert.deepStrictEqual(request.query, { environment: "production", message: "old" })
    assert.strictEqual(request.headers["if-match"], "3")
    assert.strictEqual(printed, "deleted shop version 3 in production (revision 7)")
  })
})
