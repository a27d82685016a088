import { mkdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { makeLinks } from "../../../../layers/Postgres/embedded/Binaries.ts"
import { newFolder } from "../../../support/folder.ts"

describe("the files of the embedded PostgreSQL", () => {
  it("EB1 a library gets the names that the install script would have given it, and keeps those that it has", () => {
    const folder = newFolder()
    try {
      const native = join(folder.path, "native")
      mkdirSync(join(native, "lib"), { recursive: true })
      makeLinks(native) // a platform without links
      const source = "native/lib/libpq.so.5.18"
      const links = ["libpq.so", "libpq.so.5"].map((name) => ({ source, target: `native/lib/${name}` }))
      writeFileSync(join(folder.path, source), "the library")
      writeFileSync(join(native, "lib/libpq.so"), "as it was")
      writeFileSync(join(native, "pg-symlinks.json"), JSON.stringify(links))
      for (let start = 1; start <= 2; start++) makeLinks(native)
      assert.strictEqual(readFileSync(join(native, "lib/libpq.so.5"), "utf8"), "the library")
      assert.strictEqual(readlinkSync(join(native, "lib/libpq.so.5")), "libpq.so.5.18")
      assert.strictEqual(readFileSync(join(native, "lib/libpq.so"), "utf8"), "as it was")
      rmSync(join(native, "lib"), { recursive: true })
      assert.throws(() => makeLinks(native), /ENOENT/)
    } finally {
      folder.remove()
    }
  })
})
