import { mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { missingLink } from "../../../layers/Postgres/Binaries.ts"
import { newFolder } from "../../support/folder.ts"

describe("the files of the embedded PostgreSQL", () => {
  it("EB1 a library's name that the install script would have made is missed", () => {
    const folder = newFolder()
    try {
      const native = join(folder.path, "native")
      mkdirSync(join(native, "lib"), { recursive: true })
      assert.isUndefined(missingLink(native)) // a platform without links
      const [source, target] = ["native/lib/libpq.so.5.18", "native/lib/libpq.so.5"]
      writeFileSync(join(folder.path, source), "")
      writeFileSync(join(native, "pg-symlinks.json"), JSON.stringify([{ source, target }]))
      assert.strictEqual(missingLink(native), join(folder.path, target))
      symlinkSync("libpq.so.5.18", join(folder.path, target))
      assert.isUndefined(missingLink(native))
    } finally {
      folder.remove()
    }
  })
})
