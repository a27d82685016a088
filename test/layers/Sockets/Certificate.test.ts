import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { makeCertificate } from "../../../layers/Sockets/Certificate.ts"
import { makeCertificates } from "../../support/Certificates.ts"
import { newFolder } from "../../support/folder.ts"

describe("Certificate", () => {
  it.effect(
    "TC1 TC4 what is wrong with a pair is told by the file that it is wrong with; one file alone is a mistake",
    () =>
      Effect.gen(function* () {
        const folder = yield* Effect.acquireRelease(Effect.sync(newFolder), ({ remove }) => Effect.sync(remove))
        const pair = (name: string) => {
          mkdirSync(join(folder.path, name))
          return makeCertificates(join(folder.path, name))
        }
        const [first, second] = [pair("first"), pair("second")]
        for (const [files, told] of [
          [{ cert: first.certificate, key: second.key }, "is not the key of the first certificate"],
          [{ cert: join(folder.path, "none"), key: first.key }, "TLS_CERT can't be read"],
          [{ cert: first.key, key: first.key }, "is no certificate in PEM"],
          [{ cert: first.certificate, key: first.certificate }, "is no private key"],
          [{ cert: first.certificate }, "TLS_CERT is given and TLS_KEY is not"],
          [{ key: first.key }, "TLS_KEY is given and TLS_CERT is not"],
          [{ clientCa: first.ca }, "GRPC_TLS_CLIENT_CA is given, and TLS_CERT and TLS_KEY are not"],
          [{ cert: first.certificate, key: first.key, clientCa: first.key }, "GRPC_TLS_CLIENT_CA) has no certificate"],
          [{ cert: first.certificate, key: first.key, clientCa: "/none" }, "GRPC_TLS_CLIENT_CA can't be read"]
        ] as const) {
          const error = yield* Effect.flip(makeCertificate(files))
          assert.strictEqual(error.name, "SettingsInvalid")
          assert.include(error.message, told)
        }
        assert.isUndefined(yield* makeCertificate({}))
        const good = yield* makeCertificate({ cert: first.certificate, key: first.key })
        assert.include(good?.now().cert, "BEGIN CERTIFICATE")
      }).pipe(Effect.scoped)
  )
})
