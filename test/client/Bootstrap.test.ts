import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { readBootstrap } from "../../src/client/Bootstrap.ts"

const read = async (text: string): Promise<ReadonlyMap<string, unknown> | Error> => {
  const directory = await mkdtemp(join(tmpdir(), "herald-"))
  try {
    const file = join(directory, "bootstrap.json")
    await writeFile(file, text)
    return await readBootstrap({ file }).catch((error: Error) => error)
  } finally {
    await rm(directory, { recursive: true })
  }
}

describe("bootstrap file", () => {
  it("is an object of key to value", async () => {
    const text = '{"b":{"x":[1.10,-0,1e5,"a: \\"b\\":"]},"a":0.1,"10":true}'
    assert.deepStrictEqual(await read(text), new Map(Object.entries(JSON.parse(text))))
  })

  it("BS1 refuses what JavaScript would change", async () => {
    for (const [text, says] of [
      ['{"a":9007199254740993}', "JavaScript has no number 9007199254740993"],
      ['{"a":{"b":[0.12345678901234567890]}}', "0.12345678901234567890"],
      ['{"a":1e400}', "1e400"],
      ['{"a":1e-400}', "1e-400"],
      ['{"a":1,"a":2}', "given twice"],
      ['{"a":{"x":1,"\\u0078":2}}', "given twice"]
    ] as const) {
      const error = await read(text)
      assert.instanceOf(error, Error, text)
      assert.include((error as Error).message, says)
    }
  })
})
