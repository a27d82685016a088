/** The folder that a user names: nothing outside of it is read or written. */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { folder } from "../../src/cli/Folder.ts"
import { newFolder } from "../support/folder.ts"

describe("a folder", () => {
  it("JG1 a file that became a link since it was listed is not read, and no path leads up", async () => {
    const { path, remove } = newFolder()
    writeFileSync(join(path, "secret"), "outside")
    mkdirSync(join(path, "in"))
    symlinkSync("../secret", join(path, "in/a.txt"))
    const its = folder(join(path, "in"))
    const failed = (effect: Effect.Effect<unknown, { readonly what: string }>) =>
      Effect.runPromise(Effect.map(Effect.flip(effect), ({ what }) => what))
    assert.match(await failed(its.read("a.txt", 100)), /a link, which is not followed/)
    assert.match(await failed(its.read("../secret", 100)), /leads out of the folder/)
    assert.match(await failed(its.write("../other", "x")), /leads out of the folder/)
    assert.match(await failed(its.write("a.txt", "x")), /there is one of that name already/)
    assert.strictEqual(readFileSync(join(path, "secret"), "utf8"), "outside")
    remove()
  })
})
