/** What is printed is what the server answered: a text is the same text again, whichever output is read. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { parse } from "yaml"
import { FakeHerald } from "../support/FakeHerald.ts"
import { Choices, jsonText } from "../support/JsonText.ts"
import { terminal } from "../support/Terminal.ts"
import { ask, CONFIG, stored } from "./Ask.ts"

const ODD: ReadonlyArray<string> = [
  ...[
    "1.10",
    "true",
    "yes",
    "~",
    "012",
    "<<",
    "a",
    "word ".repeat(30),
    " ",
    "\t",
    "\n",
    "\r\n",
    "  x\n y",
    "- ",
    "# ",
    ": "
  ],
  ...[
    "'",
    '"',
    "\\",
    "{",
    "[",
    "&a",
    "*a",
    "!t",
    "|",
    ">",
    "---",
    "...",
    "%x",
    "@",
    "`",
    "\u2028",
    "\u0085",
    "\ufeff",
    "é",
    "😀"
  ]
]

describe("output", () => {
  it.effect.prop(
    "OU1 a value is printed so that its reader gets the same text: json, yaml and raw",
    [Choices, Choices],
    ([pieces, choices]) =>
      Effect.promise(async () => {
        await using herald = await FakeHerald.start()
        for (const value of [pieces.map((piece) => ODD[piece % ODD.length]).join(""), jsonText(choices)]) {
          const body = { ...stored, value, message: value }
          herald.on(`GET ${CONFIG}`, { body })
          const get = async (...args: ReadonlyArray<string>) => {
            const cli = terminal()
            await cli.run("get", "shop", ...args, "--server", herald.url)
            return cli.printed
          }
          assert.deepStrictEqual(JSON.parse(await get("--output", "json")), body)
          for (const version of ["1.2", "1.1"] as const) {
            assert.deepStrictEqual(parse(await get("--output", "yaml"), { version }), body)
          }
          assert.strictEqual(await get("--raw"), value)
        }
      }),
    { arbitrary: { runs: 60 } }
  )

  it("OU2 JSON on a terminal is laid out with its tokens as they were written", async () => {
    const value = '{"10":1.10,"2":[9007199254740993,{}],"a":"\\u0041"}'
    const { printed } = await ask(["get", "shop"], `GET ${CONFIG}`, { body: { ...stored, value } })
    assert.include(printed, '{\n  "10": 1.10,\n  "2": [\n    9007199254740993,\n    {}\n  ],\n  "a": "\\u0041"\n}')
    const number = await ask(["get", "shop"], `GET ${CONFIG}`, { body: { ...stored, type: "number", value: "1.10" } })
    assert.match(number.printed, /^1\.10$/m)
  })
})
