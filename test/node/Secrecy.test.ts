import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { requireSecrecy } from "../../src/node/Secrecy.ts"
import { defaults } from "../../src/settings/Catalogue.ts"

const asked = (http: string, grpc: string, tls: Partial<typeof defaults.tls> = {}) =>
  Effect.runSyncExit(
    requireSecrecy({
      http: { ...defaults.http, host: http },
      grpc: { ...defaults.grpc, host: grpc },
      tls: { ...defaults.tls, ...tls }
    })
  )

describe("Secrecy", () => {
  it("NS1 a door that other machines reach has TLS, or it is said that it need not", () => {
    for (const host of ["127.0.0.1", "localhost", "::1", "127.9.9.9"]) assert.isTrue(Exit.isSuccess(asked(host, host)))
    for (const host of ["0.0.0.0", "::", "10.0.0.7", "herald.internal"]) {
      for (const [http, grpc, name] of [
        [host, "127.0.0.1", "HTTP_HOST"],
        ["::1", host, "GRPC_HOST"]
      ] as const) {
        const exit = asked(http, grpc)
        assert.isTrue(Exit.isFailure(exit))
        assert.include(String(Exit.isFailure(exit) && exit.cause), `${name} is ${host}`)
        assert.isTrue(Exit.isSuccess(asked(http, grpc, { insecure: true })))
        assert.isTrue(Exit.isSuccess(asked(http, grpc, { cert: "a", key: "b" })))
      }
    }
  })
})
