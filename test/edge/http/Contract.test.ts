/** What a capability adds to the HTTP door, by the example of one that counts nothing. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { HttpApiBuilder, HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { json } from "../../../src/edge/http/Answer.ts"
import { Authentication, about, contract, type Part } from "../../../src/edge/http/Contract.ts"
import { Needs, need } from "../../../src/edge/http/Needs.ts"
import { answer } from "../../../src/edge/http/Problem.ts"
import { problems } from "../../../src/edge/http/Wire.ts"
import { startRoutes } from "./Harness.ts"

const Count = Schema.Struct({ count: Schema.Int })
const count = <const Name extends string>(name: Name) =>
  HttpApiEndpoint.get(name, `/v1/${name}`, { success: Count, error: problems }).annotateMerge(about(`Count ${name}`))

class SheepGroup extends HttpApiGroup.make("sheep")
  .add(count("white").annotate(Needs, need("audit.read", "everywhere")), count("black"))
  .middleware(Authentication) {}

const routes = HttpApiBuilder.group(contract.add(SheepGroup), "sheep", (handlers) => {
  const none = answer(Effect.succeed(json({ count: 0 })))
  return handlers.handle("white", () => none).handle("black", () => none)
})
const sheep = { groups: [SheepGroup], routes } as const satisfies Part

describe("Contract", () => {
  it("R2 R3 a part that is added wants a token and what it says it needs; a route that says nothing is closed", async () => {
    const door = await startRoutes([sheep])
    try {
      const statuses = []
      for (const as of ["nobody", "viewer", "publisher"])
        statuses.push((await door.call("GET", "/v1/white", { as })).status)
      const unsaid = await door.call("GET", "/v1/black", { as: "admin" })
      const { body } = await door.call("GET", "/openapi.json")

      assert.deepStrictEqual(statuses, [401, 200, 403])
      assert.deepStrictEqual([unsaid.status, unsaid.body.code], [403, "HRLD-3002"])
      assert.strictEqual(body.paths["/v1/white"].get.summary, "Count white")
      assert.isDefined(body.paths["/v1/config/{key}"])
    } finally {
      await door.dispose()
    }
  })

  it("R1 one heading of the document for all groups that stand under it", async () => {
    const door = await startRoutes()
    const { body } = await door.call("GET", "/openapi.json")
    await door.dispose()
    const names = (body.tags as ReadonlyArray<{ readonly name: string }>).map(({ name }) => name)

    assert.include(names, "Operations")
    assert.strictEqual(new Set(names).size, names.length)
  })
})
