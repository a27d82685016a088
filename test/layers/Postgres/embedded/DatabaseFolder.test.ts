import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { prepareCluster } from "../../../../layers/Postgres/embedded/DatabaseFolder.ts"
import { newFolder } from "../../../support/folder.ts"

let folder: ReturnType<typeof newFolder>
beforeEach(() => {
  folder = newFolder()
  mkdirSync(at("cluster"))
  writeFileSync(at("cluster/PG_VERSION"), "18")
})
afterEach(() => folder.remove())

const at = (name: string) => join(folder.path, name)
const prepare = Effect.suspend(() =>
  prepareCluster(folder.path, { initdb: "none", postgres: "none", owner: undefined, cluster: at("cluster") })
)

describe("the cluster of the embedded PostgreSQL", () => {
  it.effect("J2 the password comes from a file of this user, not from behind a link", () =>
    Effect.gen(function* () {
      writeFileSync(at("postgres-password"), "kept\n", { mode: 0o600 })
      assert.strictEqual(yield* prepare, "kept")
    })
  )

  for (const [what, make, says] of [
    ["behind a link", () => symlinkSync(at("elsewhere"), at("postgres-password")), "is a link"],
    ["that is not there", () => {}, "is not there"]
  ] as const)
    it.effect(`J2 K3 a password ${what} is refused, and that is said`, () =>
      Effect.gen(function* () {
        writeFileSync(at("elsewhere"), "another's", { mode: 0o600 })
        make()
        const error = yield* Effect.flip(prepare)
        assert.strictEqual(error.name, "EmbeddedUnusable")
        assert.include(error.message, says)
        assert.include(error.message, at("postgres-password"))
      })
    )

  it.effect("J2 K3 a new password is written through no link", () =>
    Effect.gen(function* () {
      writeFileSync(at("elsewhere"), "not yours")
      for (const name of ["postgres-password", "new.password"]) symlinkSync(at("elsewhere"), at(name))
      yield* Effect.flip(
        prepareCluster(folder.path, { initdb: "none", postgres: "none", owner: undefined, cluster: at("new") })
      )
      assert.strictEqual(readFileSync(at("elsewhere"), "utf8"), "not yours")
      assert.isFalse(existsSync(at("new.password")))
      assert.isFalse(existsSync(at("new")))
    })
  )
})
