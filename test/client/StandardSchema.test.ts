/** What a schema of the application may do to the client that uses it: nothing. */
import { assert, describe, it } from "@effect/vitest"
import { ValueError } from "../../src/client/HeraldClient.ts"
import { explosives } from "../support/Explosives.ts"
import { connected } from "../support/FakeTransport.ts"
import { value } from "../support/Said.ts"
import { turn, until } from "../support/turn.ts"

describe("schemas", () => {
  const schema = (validate: (value: unknown) => unknown) =>
    ({ "~standard": { version: 1, vendor: "test", validate } }) as never
  const cases: ReadonlyArray<readonly [string, unknown]> = [
    ...explosives.map(
      ([what, make]) =>
        [
          `throws ${what}`,
          schema(() => {
            throw make()
          })
        ] as const
    ),
    ["answers nothing", schema(() => undefined)],
    ["answers null", schema(() => null)],
    ["answers issues that are no list", schema(() => ({ issues: 7 }))],
    [
      "answers issues that explode",
      schema(() => ({
        get issues() {
          throw new Error("inner")
        }
      }))
    ],
    [
      "answers a path that explodes",
      schema(() => ({
        issues: [
          {
            message: "m",
            path: [
              {
                get key() {
                  throw new Error("inner")
                }
              }
            ]
          }
        ]
      }))
    ],
    ["answers a rejected promise", schema(() => Promise.reject(new Error("later")))],
    ["answers a promise", schema(async () => ({ value: 1 }))],
    ["is none", {}],
    [
      "explodes when looked at",
      {
        get "~standard"() {
          throw new Error("inner")
        }
      }
    ]
  ]
  for (const [what, bad] of cases) {
    it(`LS1: a schema that ${what}: get throws ValueError, watch rejects the version`, async () => {
      const { client, transport } = await connected([value("shop", 1, 1)])
      let thrown: unknown
      try {
        client.get("shop", bad as never)
      } catch (error) {
        thrown = error
      }
      assert.instanceOf(thrown, ValueError)
      if (what !== "answers a promise") {
        client.watch("shop", { schema: bad as never })
        await client.settled()
        await until(() => transport.acks.some(({ reason }) => reason !== ""))
      }
      assert.strictEqual(client.get("shop"), 1)
      await client.close()
    })
  }

  it("HK1: a schema that never answers is refused when its time is over", async () => {
    const { client, clock, transport } = await connected([value("shop", 1, 1)], { hookTimeoutMillis: 50 })
    client.watch("shop", { schema: schema(() => new Promise(() => {})) })
    await turn()
    await clock.advance(50)
    await client.settled()
    await until(() => transport.acks.some(({ reason }) => /validate: no answer in 50 ms/.test(reason)))
    await client.close()
  })
})
