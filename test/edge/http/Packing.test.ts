import { brotliDecompressSync, gunzipSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import * as Layer from "../../../layers/Http/Packer.ts"
import { codingFor, Packer, packed } from "../../../src/edge/http/Packing.ts"

const long = JSON.stringify({ value: "word ".repeat(1_000) })

const ask = (answer: HttpServerResponse.HttpServerResponse, accept?: string, method = "GET") =>
  Effect.gen(function* () {
    const headers = accept === undefined ? {} : { "accept-encoding": accept }
    const request = HttpServerRequest.fromWeb(new Request("http://localhost/", { method, headers }))
    const found = yield* packed(yield* Packer)(Effect.succeed(answer)).pipe(
      Effect.provideService(HttpServerRequest.HttpServerRequest, request)
    )
    return { headers: found.headers, bytes: found.body._tag === "Uint8Array" ? found.body.body : new Uint8Array() }
  }).pipe(Effect.provide(Layer.layer))

const answer = HttpServerResponse.text(long, { contentType: "application/json", headers: { etag: '"1-a"' } })

describe("Packing", () => {
  it.live("PZ1 a long text is compressed as its reader takes it, with a tag of its own", () =>
    Effect.gen(function* () {
      const br = yield* ask(answer, "gzip, deflate, br")
      const gzip = yield* ask(answer, "gzip")
      const plain = yield* ask(answer)
      const refused = yield* ask(answer, "br;q=0, gzip;q=0.0, *;q=0")
      const head = yield* ask(answer, "gzip", "HEAD")

      assert.strictEqual(brotliDecompressSync(br.bytes).toString(), long)
      assert.strictEqual(gunzipSync(gzip.bytes).toString(), long)
      assert.deepStrictEqual(
        [br, gzip, plain, refused].map(({ headers }) => headers["content-encoding"]),
        ["br", "gzip", undefined, undefined]
      )
      assert.deepStrictEqual(
        [br, gzip, plain, head].map(({ headers }) => headers["etag"]),
        ['"1-a-br"', '"1-a-gzip"', '"1-a"', '"1-a"']
      )
      for (const one of [br, gzip, plain, head]) assert.strictEqual(one.headers["vary"], "accept-encoding")
      assert.strictEqual(codingFor("*"), "br")
    })
  )

  it.live(
    "PZ2 short answers, bytes and streams of events go as they are, and so does what comes when others are at it",
    () =>
      Effect.gen(function* () {
        const short = yield* ask(HttpServerResponse.text("{}", { contentType: "application/json" }), "gzip")
        const image = yield* ask(
          HttpServerResponse.uint8Array(new Uint8Array(5_000), { contentType: "image/png" }),
          "gzip"
        )
        const events = yield* ask(HttpServerResponse.text(long, { contentType: "text/event-stream" }), "gzip")
        const pack = yield* Packer
        const many = yield* Effect.all(
          Array.from({ length: 5 }, () => pack(new TextEncoder().encode(long), "gzip")),
          { concurrency: "unbounded" }
        )

        for (const one of [short, image, events]) assert.isUndefined(one.headers["content-encoding"])
        assert.strictEqual(many.filter((bytes) => bytes === undefined).length, 3)
      }).pipe(Effect.provide(Layer.layer))
  )
})
