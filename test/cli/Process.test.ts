/** The process around the command line, on real files. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { tokenOf } from "../../src/cli/Contexts.ts"
import { shell } from "../../src/cli/Process.ts"
import { Shell } from "../../src/cli/Shell.ts"

let folder = ""
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "herald-test-"))
})
afterEach(() => rmSync(folder, { recursive: true }))

const read = (path: string) => Effect.runPromise(Effect.result(shell.readTrusted(path)))

describe("files of this user", () => {
  it("CX3 what others may write is refused, with what to do; a link of the user's own is followed", async () => {
    const path = join(folder, "contexts.json")
    writeFileSync(path, "{}")
    for (const mode of [0o602, 0o620, 0o666]) {
      chmodSync(path, mode)
      const found = await read(path)
      assert(found._tag === "Failure")
      assert.strictEqual(found.failure.exit, 2)
      assert.strictEqual(found.failure.what, `${path} may be written by other users`)
      assert.include(found.failure.fix, `chmod go-w ${path}`)
    }
    const link = join(folder, "link.json")
    symlinkSync(path, link)
    for (const mode of [0o600, 0o644]) {
      chmodSync(path, mode)
      for (const one of [path, link]) {
        const found = await read(one)
        assert(found._tag === "Success")
        assert.strictEqual(found.success, "{}")
      }
    }
    const none = await read(join(folder, "none.json"))
    assert(none._tag === "Success")
    assert.isUndefined(none.success)
    const odd = await read(folder)
    assert(odd._tag === "Failure")
    assert.include(odd.failure.what, "folder")
  })

  it("CX3 a token's file may be a link, as Kubernetes mounts secrets; what it names is judged", async () => {
    const tokenIn = (tokenFile: string) =>
      Effect.runPromise(
        Effect.result(tokenOf({ server: "http://h", tokenFile }).pipe(Effect.provideService(Shell, shell)))
      )
    const [data, file] = [join(folder, "..data"), join(folder, "token")]
    for (const turn of ["1", "2"]) {
      mkdirSync(join(folder, `..${turn}`))
      writeFileSync(join(folder, `..${turn}`, "token"), `hrld_${turn}\n`, { mode: 0o644 })
    }
    symlinkSync("..1", data)
    symlinkSync("..data/token", file)
    const first = await tokenIn(file)
    assert(first._tag === "Success")
    assert.strictEqual(first.success, "hrld_1")
    unlinkSync(data)
    symlinkSync("..2", data) // as kubelet turns to a secret's next version
    const second = await tokenIn(file)
    assert(second._tag === "Success")
    assert.strictEqual(second.success, "hrld_2")

    chmodSync(join(folder, "..2", "token"), 0o666)
    const open = await tokenIn(file)
    assert(open._tag === "Failure")
    assert.strictEqual(open.failure.what, `${file} may be written by other users`)
    unlinkSync(data)
    const gone = await tokenIn(file)
    assert(gone._tag === "Failure")
    assert.strictEqual(gone.failure.what, `${file} is not there`)
    const odd = await tokenIn(folder)
    assert(odd._tag === "Failure")
    assert.include(odd.failure.what, "folder")
  })

  it("CX1 what is saved is this user's alone, and a link stays one", async () => {
    const [path, link] = [join(folder, "real.json"), join(folder, "link.json")]
    writeFileSync(path, "old", { mode: 0o666 })
    symlinkSync(path, link)
    await Effect.runPromise(shell.saveFile(link, "new"))
    assert.strictEqual(readFileSync(path, "utf8"), "new")
    assert.strictEqual(statSync(path).mode & 0o777, 0o600)
    assert.isTrue(existsSync(link))
  })
})
