/** A change request that is asked for of each method: none changes what could wait, so nothing is done. The list is the protocols'. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { grpc } from "../../../src/node/Node.ts"
import { Door, frame, raw } from "../../support/Door.ts"

let door: Door
beforeAll(async () => {
  door = await Door.open()
})
afterAll(() => door.close())

const methods = grpc.flatMap(({ definition }) => Object.values(definition).map(({ path }) => path.slice(1)))

describe("a change request that is asked for", () => {
  it("AQ12 of a method is refused before anything of the call is read, whichever it is", async () => {
    const said: Record<string, string> = {}
    const headers = { authorization: `Bearer ${await door.key("admin")}`, "herald-request": "yes" }
    for (const method of methods) {
      const { grpc: status, code } = await raw(door, method, frame(Buffer.from([0xff, 0xff])), headers)
      said[method] = `${status} ${code}`
    }
    assert.deepStrictEqual(said, Object.fromEntries(methods.map((method) => [method, "3 HRLD-3099"])))
    assert.isAbove(methods.length, 40)
  })
})
