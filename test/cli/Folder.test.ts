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

  it("JG3 reads many small files quickly, and lets the loop turn in between", async () => {
    const { path, remove } = newFolder()
    const its = folder(path)
    const names = Array.from({ length: 1_500 }, (_, n) => `in/${n % 3}/${n}.txt`)
    let turns = 0
    let next = setImmediate(function turn() {
      turns++
      next = setImmediate(turn)
    })
    const each = (act: (name: string) => Effect.Effect<unknown, unknown>) =>
      Effect.runPromise(Effect.forEach(names, act, { concurrency: 16, discard: true }))
    await each((name) => its.write(name, name))
    const before = turns
    await each((name) =>
      Effect.tap(its.read(name, 100), (bytes) => Effect.sync(() => assert.lengthOf(bytes, name.length)))
    )
    clearImmediate(next)
    assert.isAbove(turns - before, 1)
    remove()
  })
})
