import { assert, describe, it } from "@effect/vitest"
import { Metadata } from "@grpc/grpc-js"
import { Effect, Exit, Layer, Tracer } from "effect"
import { traced } from "../../../src/edge/grpc/Spans.ts"
import { failure, type HeraldError } from "../../../src/errors/HeraldError.ts"

const call = { metadata: new Metadata(), peer: { address: "::1", port: 4711 } }

/** The span of a call that ends like this. */
const spanOf = <A>(handled: Effect.Effect<A, HeraldError>, stream = false, system?: string) =>
  Effect.gen(function* () {
    const made: Array<Tracer.NativeSpan> = []
    const tracer = Tracer.make({
      span: (options) => {
        made.push(new Tracer.NativeSpan(options))
        return made[0]!
      }
    })
    const exit = yield* traced(
      "herald.distribution.v1.DistributionService/Heartbeat",
      { ...call, system },
      handled,
      stream
    ).pipe(Effect.exit, Effect.provide(Layer.succeed(Tracer.Tracer, tracer)))
    const span = made[0]!
    const failed = span.status._tag === "Ended" && Exit.isFailure(span.status.exit)
    return { exit, failed, name: span.name, kind: span.kind, attributes: Object.fromEntries(span.attributes) }
  })

describe("Spans", () => {
  it.effect("TE9 a call says how it ended, a stream that was opened does not", () =>
    Effect.gen(function* () {
      const name = "herald.distribution.v1.DistributionService/Heartbeat"
      const said = { "rpc.system.name": "grpc", "rpc.method": name, "client.address": "::1" }
      const unary = yield* spanOf(Effect.succeed(1))
      assert.deepStrictEqual(unary, {
        exit: Exit.succeed(1),
        failed: false,
        name,
        kind: "server",
        attributes: { ...said, "rpc.response.status_code": "OK" }
      })
      assert.deepStrictEqual((yield* spanOf(Effect.succeed(1), true)).attributes, said)
      const connect = yield* spanOf(Effect.succeed(1), true, "connectrpc")
      assert.strictEqual(connect.attributes["rpc.system.name"], "connectrpc")
    })
  )

  it.effect("TE9 a caller's fault is no error of the server's, and both reach the caller", () =>
    Effect.gen(function* () {
      const theirs = yield* spanOf(Effect.fail(failure("InvalidInput", "no")))
      assert.isFalse(theirs.failed)
      assert.isTrue(Exit.isFailure(theirs.exit))
      assert.strictEqual(theirs.attributes["rpc.response.status_code"], "INVALID_ARGUMENT")
      assert.notProperty(theirs.attributes, "error.type")

      const mine = yield* spanOf(Effect.fail(failure("DatabaseUnavailable", "gone")))
      assert.isTrue(mine.failed)
      assert.isTrue(Exit.isFailure(mine.exit))
      assert.strictEqual(mine.attributes["rpc.response.status_code"], "UNAVAILABLE")
      assert.strictEqual(mine.attributes["error.type"], "UNAVAILABLE")

      const defect = yield* spanOf(Effect.die(new Error("bug")))
      assert.strictEqual(defect.attributes["rpc.response.status_code"], "INTERNAL")
    })
  )
})
