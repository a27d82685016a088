import { spawnSync } from "node:child_process"
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { join } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { signerOf } from "../../../layers/Crypto/access/Ed25519.ts"
import { DataFolder } from "../../../layers/Files/DataFolder.ts"
import { newFolder } from "../../support/folder.ts"

let folder: ReturnType<typeof newFolder>
beforeEach(() => {
  folder = newFolder()
})
afterEach(() => folder.remove())

const path = (name = "") => join(folder.path, "data", name)
const mode = (name: string) => (statSync(path(name)).mode & 0o777).toString(8)
const using = <A, E>(use: (data: DataFolder["Service"]) => Effect.Effect<A, E>) =>
  Effect.flatMap(DataFolder, use).pipe(Effect.provide(DataFolder.layer(path())))

describe("DataFolder", () => {
  it.effect("K1 the pepper is random, kept, and readable by its user only", () =>
    Effect.gen(function* () {
      const first = yield* using((data) => data.pepper)
      const second = yield* using((data) => data.pepper)

      assert.match(first, /^[0-9a-f]{64}$/)
      assert.strictEqual(second, first)
      assert.strictEqual(mode("pepper"), "600")
    })
  )

  it.effect("K1 the key that signs the audit log is made once, of Ed25519, and readable by its user only", () =>
    Effect.gen(function* () {
      const first = yield* using((data) => data.auditKey)
      const second = yield* using((data) => data.auditKey)

      assert.isDefined(signerOf(first))
      assert.strictEqual(signerOf(second)?.id, signerOf(first)?.id)
      assert.strictEqual(mode("audit-key"), "600")
    })
  )

  it.effect("K1 a secret replaces a readable one with mode 0600, and leaves nothing half written", () =>
    Effect.gen(function* () {
      mkdirSync(path())
      writeFileSync(path("admin-token"), "old", { mode: 0o644 })
      const where = yield* using((data) => data.keepAdminToken("new"))

      assert.strictEqual(where, path("admin-token"))
      assert.strictEqual(readFileSync(where, "utf8"), "new\n")
      assert.strictEqual(mode("admin-token"), "600")
      assert.deepStrictEqual(readdirSync(path()), ["admin-token", "held"])
    })
  )

  it.effect("K1 a new folder shows others nothing; where the server is goes when it goes", () =>
    Effect.gen(function* () {
      const announced = yield* using((data) =>
        data.announce({ http: "http://127.0.0.1:1", grpc: "127.0.0.1:2" }).pipe(
          Effect.map(() => JSON.parse(readFileSync(path("server.json"), "utf8"))),
          Effect.tap(() => Effect.sync(() => assert.strictEqual(mode("server.json"), "600"))),
          Effect.ensuring(data.retract)
        )
      )

      assert.deepStrictEqual(announced, { pid: process.pid, http: "http://127.0.0.1:1", grpc: "127.0.0.1:2" })
      assert.isFalse(existsSync(path("server.json")))
      assert.strictEqual((statSync(path()).mode & 0o066).toString(8), "0")
    })
  )

  it.effect("K2 a second server is refused while the first one runs, and may start after it", () =>
    Effect.gen(function* () {
      const refused = yield* using(() => Effect.flip(using(() => Effect.void)))
      const later = yield* using((data) => Effect.succeed(data.path))

      assert.strictEqual(refused.name, "SettingsInvalid")
      assert.include(refused.message, `process ${process.pid}`)
      assert.include(refused.message, "--data")
      assert.strictEqual(later, path())
    })
  )

  it.effect("K2 a server in another container, where its process can't be seen, is not taken for a dead one", () =>
    Effect.gen(function* () {
      const refused = yield* using(() =>
        Effect.suspend(() => {
          writeFileSync(path("lock"), "4194999 1\n")
          return Effect.flip(using(() => Effect.void))
        })
      )
      assert.include(refused.message, "process 4194999 here or in another container")
      yield* using(() => Effect.void)
    })
  )

  for (const [what, lock] of [
    ["of a process that is gone", () => `${spawnSync(process.execPath, ["-e", "0"]).pid} 1\n`],
    ["of a process whose number another one has now", () => `${process.pid} 1\n`],
    ["that was cut off", () => ""],
    ["that holds something else", () => "not a lock\n"]
  ] as const) {
    it.effect(`K2 a lock ${what} does not hinder the next start`, () =>
      Effect.gen(function* () {
        mkdirSync(path())
        writeFileSync(path("lock"), lock())
        const mine = yield* using(() => Effect.sync(() => readFileSync(path("lock"), "utf8")))

        assert.match(mine, new RegExp(`^${process.pid} `))
        assert.isFalse(existsSync(path("lock")))
      })
    )
  }

  const root = process.geteuid?.() === 0
  for (const [what, make, says] of [
    ["behind a link", () => symlinkSync(join(folder.path, "elsewhere"), path("pepper")), "is a link"],
    ["behind a link to nothing", () => symlinkSync(join(folder.path, "nothing"), path("pepper")), "is a link"],
    ["that is a folder", () => mkdirSync(path("pepper")), "not a plain file"],
    ["that others may write", () => chmodSync(join(path("pepper")), 0o666), "written by others"],
    ["of another user", () => chownSync(path("pepper"), 12_345, 12_345), "another user (12345)"]
  ] as const)
    it.effect.skipIf(what.endsWith("user") && !root)(
      `K3 a pepper ${what} is refused, and nothing is made or written through it`,
      () =>
        Effect.gen(function* () {
          mkdirSync(path())
          writeFileSync(join(folder.path, "elsewhere"), "not yours")
          if (!what.includes("link") && !what.includes("folder"))
            writeFileSync(path("pepper"), "f".repeat(64), { mode: 0o600 })
          make()
          const error = yield* Effect.flip(using((data) => data.pepper))

          assert.strictEqual(error.name, "SettingsInvalid")
          assert.include(error.message, says)
          assert.strictEqual(readFileSync(join(folder.path, "elsewhere"), "utf8"), "not yours")
          assert.isFalse(existsSync(join(folder.path, "nothing")))
        })
    )

  it.effect("K3 a secret takes the place of a link, and does not follow it", () =>
    Effect.gen(function* () {
      mkdirSync(path())
      writeFileSync(join(folder.path, "elsewhere"), "not yours")
      symlinkSync(join(folder.path, "elsewhere"), path("admin-token"))
      yield* using((data) => data.keepAdminToken("mine"))

      assert.strictEqual(readFileSync(join(folder.path, "elsewhere"), "utf8"), "not yours")
      assert.isTrue(lstatSync(path("admin-token")).isFile())
    })
  )

  it.effect("a folder that can't be used is said with what to do", () =>
    Effect.gen(function* () {
      writeFileSync(path(), "a file")
      const error = yield* Effect.flip(using(() => Effect.void))

      assert.strictEqual(error.name, "SettingsInvalid")
      assert.include(error.message, path())
      assert.include(error.message, "--data")
    })
  )
})
