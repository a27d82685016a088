/** Who changes a file of the user's is alone with it, whoever else does, and whoever was killed before. */
import { spawnSync } from "node:child_process"
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { hostname } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { alone } from "../../src/cli/Alone.ts"
import { changeContexts, readContexts } from "../../src/cli/Contexts.ts"
import { shell } from "../../src/cli/Process.ts"
import { Shell } from "../../src/cli/Shell.ts"
import { newFolder } from "../support/folder.ts"

const gone = () => spawnSync(process.execPath, ["-e", ""]).pid

describe("a file that several change at once", () => {
  const many = Array.from({ length: 12 }, (_, n) => n)
  /** How many were in it at the same time. */
  const together = async (path: string) => {
    let [inside, most] = [0, 0]
    const one = alone(
      path,
      Effect.gen(function* () {
        most = Math.max(most, ++inside)
        yield* Effect.sleep(2)
        inside--
      })
    )
    await Effect.runPromise(Effect.forEach(many, () => one, { concurrency: "unbounded" }))
    return most
  }

  it("KL1 KL2 one after the other, also where the one before was killed", async () => {
    const { path, remove } = newFolder()
    const file = join(path, "new/contexts.json")
    assert.strictEqual(await together(file), 1)
    for (let again = 0; again < 5; again++) {
      writeFileSync(`${file}.lock`, `${gone()} ${hostname()}`)
      assert.strictEqual(await together(file), 1)
    }
    assert.isFalse(existsSync(`${file}.lock`) || existsSync(`${file}.lock.left`))
    remove()
  })

  it("KL2 one that lives, or is of another machine, is waited for and then told", async () => {
    const { path, remove } = newFolder()
    const file = join(path, "contexts.json")
    for (const whose of [`${process.pid} ${hostname()}`, `${gone()} elsewhere`]) {
      writeFileSync(`${file}.lock`, whose)
      const failure = await Effect.runPromise(Effect.flip(alone(file, Effect.void, 50)))
      assert.deepStrictEqual([failure.exit, failure.fix.includes(`rm ${file}.lock`)], [2, true])
    }
    remove()
  })

  it("CX4 CX1 of contexts that are added at once each is there, in a file of this user's alone", async () => {
    const { path, remove } = newFolder()
    const file = join(path, "herald/contexts.json")
    const its = { ...shell, env: { HERALD_CONTEXTS: file } }
    const added = (n: number) =>
      changeContexts((there) =>
        Effect.succeed([{ ...there, all: { ...there.all, [`c${n}`]: { server: "http://h" } } }, n] as const)
      )
    await Effect.runPromise(
      Effect.forEach(many, added, { concurrency: "unbounded" }).pipe(Effect.provideService(Shell, its))
    )
    const { all } = await Effect.runPromise(readContexts().pipe(Effect.provideService(Shell, its)))
    assert.sameMembers(
      Object.keys(all),
      many.map((n) => `c${n}`)
    )
    assert.strictEqual(statSync(file).mode & 0o777, 0o600)
    assert.isTrue(readFileSync(file, "utf8").endsWith("\n"))
    remove()
  })
})
