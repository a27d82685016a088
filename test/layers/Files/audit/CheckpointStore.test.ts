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
import * as CheckpointFile from "../../../../layers/Files/audit/CheckpointStore.ts"
import { CheckpointStore } from "../../../../src/audit/CheckpointStore.ts"
import type { HeraldError } from "../../../../src/errors/HeraldError.ts"
import { newFolder } from "../../../support/folder.ts"

let folder: ReturnType<typeof newFolder>
beforeEach(() => {
  folder = newFolder()
  mkdirSync(data())
  writeFileSync(elsewhere(), "not yours")
})
afterEach(() => folder.remove())

const data = () => join(folder.path, "data")
const path = () => join(data(), "audit-checkpoints")
const elsewhere = () => join(folder.path, "elsewhere")
const using = <A, E>(use: (store: CheckpointStore["Service"]) => Effect.Effect<A, E>) =>
  Effect.suspend(() => Effect.flatMap(CheckpointStore, use).pipe(Effect.provide(CheckpointFile.layer(data()))))
const root = process.geteuid?.() === 0

describe("CheckpointFile", () => {
  it.effect("K1 lines come back in their order, whole, and only its user may read them", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* using((store) => store.read), [])
      yield* using((store) => store.append("one"))
      writeFileSync(path(), "cut o", { flag: "a" })
      yield* using((store) => store.append("two"))
      assert.deepStrictEqual(yield* using((store) => store.read), ["one", "cut o", "two"])
      yield* using((store) => store.replace(["one", "two"]))
      assert.deepStrictEqual(yield* using((store) => store.read), ["one", "two"])
      assert.strictEqual((statSync(path()).mode & 0o777).toString(8), "600")
      assert.deepStrictEqual(readdirSync(data()), ["audit-checkpoints"])
    })
  )

  const operations: Record<string, (store: CheckpointStore["Service"]) => Effect.Effect<unknown, HeraldError>> = {
    read: (store) => store.read,
    append: (store) => store.append("line")
  }
  for (const [what, make, says] of [
    ["behind a link", () => symlinkSync(elsewhere(), path()), "is a link"],
    ["behind a link to nothing", () => symlinkSync(join(folder.path, "nothing"), path()), "is a link"],
    ["that is a folder", () => mkdirSync(path()), ""],
    ["that is a pipe", () => spawnSync("mkfifo", [path()]), ""],
    ["that others may write", () => chmodSync(path(), 0o666), "written by others"],
    ["of another user", () => chownSync(path(), 12_345, 12_345), "another user (12345)"]
  ] as const)
    for (const [name, use] of Object.entries(operations))
      it.effect.skipIf(what.endsWith("user") && !root)(`K3 ${name} refuses a file ${what}`, () =>
        Effect.gen(function* () {
          if (what.includes("other")) writeFileSync(path(), "forged\n", { mode: 0o600 })
          make()
          const error = yield* Effect.flip(using(use))

          assert.include(error.message, path())
          assert.include(error.message, says)
          assert.strictEqual(readFileSync(elsewhere(), "utf8"), "not yours")
          assert.isFalse(existsSync(join(folder.path, "nothing")))
          if (what.includes("other")) assert.strictEqual(readFileSync(path(), "utf8"), "forged\n")
        })
      )

  it.effect("K3 what is written takes the place of a link, and goes through none that lies where it is made", () =>
    Effect.gen(function* () {
      symlinkSync(elsewhere(), path())
      symlinkSync(elsewhere(), `${path()}.tmp`)
      yield* using((store) => store.replace(["mine"]))

      assert.strictEqual(readFileSync(elsewhere(), "utf8"), "not yours")
      assert.isTrue(lstatSync(path()).isFile())
      assert.strictEqual(readFileSync(path(), "utf8"), "mine\n")
    })
  )

  it.effect("K1 what can't take its place leaves nothing behind", () =>
    Effect.gen(function* () {
      mkdirSync(path())
      yield* Effect.flip(using((store) => store.replace(["mine"])))
      assert.deepStrictEqual(readdirSync(data()), ["audit-checkpoints"])
    })
  )
})
