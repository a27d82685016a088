import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { HttpRouter, HttpServerRequest } from "effect/http"
import { apiOf } from "../../../src/edge/http/Contract.ts"
import { docsOf } from "../../../src/edge/http/Docs.ts"
import { http } from "../../../src/node/Node.ts"

describe("Docs", () => {
  it.effect("H5 every reader of the page gets the same bytes, not a copy of them", () =>
    Effect.gen(function* () {
      const app = yield* HttpRouter.toHttpEffect(docsOf(apiOf(http)))
      const request = HttpServerRequest.fromWeb(new Request("http://localhost/docs"))
      const ask = app.pipe(Effect.provideService(HttpServerRequest.HttpServerRequest, request))
      const bodies = [yield* ask, yield* ask].map(({ body }) => (body._tag === "Uint8Array" ? body.body : undefined))

      assert.isAbove(bodies[0]?.byteLength ?? 0, 1_000_000)
      assert.strictEqual(bodies[0], bodies[1])
    }).pipe(Effect.scoped)
  )
})
