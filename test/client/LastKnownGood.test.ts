import { execFile } from "node:child_process"
import { chmod, link, mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { assert, beforeEach, describe, it } from "@effect/vitest"
import { onTestFinished } from "vitest"
import type { Snapshot } from "../../src/client/KeptFile.ts"
import { LastKnownGood } from "../../src/client/LastKnownGood.ts"
import { FakeClock } from "../support/FakeClock.ts"
import { shape, snapshot } from "../support/Snapshot.ts"
import { until } from "../support/turn.ts"

const execFileAsync = promisify(execFile)

let directory = ""
beforeEach(async () => {
  const made = await mkdtemp(join(tmpdir(), "herald-lkg-"))
  directory = made
  onTestFinished(() => rm(made, { recursive: true, force: true }))
})

const generations = async (trouble: Array<string>, ...snapshots: ReadonlyArray<Snapshot>) => {
  let now = snapshots[0]!
  const clock = new FakeClock()
  const file = new LastKnownGood(
    { directory, ...shape },
    clock,
    () => now,
    (message) => trouble.push(message)
  )
  for (now of snapshots) {
    file.schedule()
    await file.flush()
  }
  return file
}

describe("the file", () => {
  it("is private, complete, without leftovers, and keeps the generation before", async () => {
    const file = await generations([], snapshot(1, "one"), snapshot(2, "two"))

    assert.match(file.path, /\/herald-production-shop-[0-9a-f]{16}-[0-9a-f]{12}\.json$/)
    assert.deepStrictEqual((await readdir(directory)).map((name) => join(directory, name)).sort(), [
      file.path,
      `${file.path}.previous`
    ])
    assert.strictEqual((await stat(file.path)).mode & 0o777, 0o600)
    assert.deepStrictEqual(await file.load(), snapshot(2, "two"))
  })

  it("LK4: names stay short and in the directory, whatever they hold", () => {
    const strange = { ...shape, environment: "../../etc", service: "ü/".repeat(64) }
    const { path } = new LastKnownGood(
      { directory, ...strange },
      new FakeClock(),
      () => snapshot(1, ""),
      () => {}
    )
    assert.isTrue(path.startsWith(join(directory, "herald-")))
    assert.isBelow(Buffer.byteLength(path.slice(directory.length)), 150)
  })

  it("LK1 LK2: after a corrupt file the generation before serves, and is not replaced by the corrupt one", async () => {
    const trouble: Array<string> = []
    const file = await generations(trouble, snapshot(1, "one"), snapshot(2, "two"))
    await writeFile(file.path, (await readFile(file.path, "utf8")).slice(0, -5))

    assert.deepStrictEqual(await file.load(), snapshot(1, "one"))
    assert.match(trouble[0]!, /HRLD-5103.*digest/)
    const next = await generations(trouble, snapshot(3, "three"))
    await writeFile(next.path, "")
    assert.deepStrictEqual(await next.load(), snapshot(1, "one"))
  })

  it("LK2: a file that was damaged since it was written does not become the generation before", async () => {
    let now = snapshot(1, "one")
    const file = new LastKnownGood(
      { directory, ...shape },
      new FakeClock(),
      () => now,
      () => {}
    )
    const write = async (next: Snapshot) => {
      now = next
      file.schedule()
      await file.flush()
    }
    await write(snapshot(1, "one"))
    await write(snapshot(2, "two"))
    await writeFile(file.path, "damaged")
    await write(snapshot(3, "three"))
    await rm(file.path)

    assert.deepStrictEqual(await file.load(), snapshot(1, "one"))
  })

  it("LK5: clients of one kind write files of their own; a restart takes the newest, and what it covers is removed", async () => {
    const a = await generations([], snapshot(5, "five"))
    const b = await generations([], snapshot(4, "four"))
    const c = await generations([], snapshot(3, "three"))
    assert.strictEqual(new Set([a.path, b.path, c.path]).size, 3)
    assert.deepStrictEqual(await c.load(), snapshot(5, "five"))

    const next = await generations([], snapshot(6, "six"), snapshot(7, "seven"))
    assert.deepStrictEqual(await next.load(), snapshot(7, "seven"))
    assert.isAtMost((await readdir(directory)).length, 2)
    await rm(next.path)
    assert.isAtLeast(Number((await next.load())?.revision), 5)
  })

  it("LK5: of other epochs the last written serve, and their number is bounded", async () => {
    for (let n = 1; n <= 12; n++) await generations([], { ...snapshot(99 - n, `of e${n}`), epoch: `e${n}` })

    const file = await generations([], { ...snapshot(1, "reborn"), epoch: "e13" })
    assert.isAtMost((await readdir(directory)).length, 5)
    assert.strictEqual((await file.load())?.epoch, "e13")
  })

  it("LK5: what can't be compared is not covered, whatever its number", async () => {
    for (const epoch of ["e1", "e2", "e3"]) await generations([], { ...snapshot(5, `of ${epoch}`), epoch })
    await generations([], { ...snapshot(100, "of e4"), epoch: "e4" })

    assert.strictEqual((await readdir(directory)).length, 4)
  })

  it("LK1: files behind links, of others or writable by others are refused; what hangs is not waited for", async () => {
    const file = await generations([], snapshot(1, "one"))
    const trouble: Array<string> = []
    const refused = async (why: RegExp) => {
      trouble.length = 0
      const reader = new LastKnownGood(
        { directory, ...shape },
        new FakeClock(),
        () => snapshot(1, ""),
        (m) => trouble.push(m)
      )
      assert.isUndefined(await reader.load())
      assert.match(trouble.join(), why)
    }
    const elsewhere = join(directory, "elsewhere")
    await rename(file.path, elsewhere)
    await symlink(elsewhere, file.path)
    await refused(/HRLD-5103.*it is a link/)
    await rm(file.path)
    await link(elsewhere, file.path)
    await chmod(file.path, 0o622)
    await refused(/HRLD-5103.*others may write it/)
    await rm(file.path)
    await execFileAsync("mkfifo", [file.path])
    await refused(/HRLD-5103.*not a file/)
  })

  it("a file of 0.1.0 is left alone, and that is said", async () => {
    const old = join(directory, "herald-production-shop.json")
    await writeFile(old, "{}")
    const trouble: Array<string> = []
    await generations(trouble, snapshot(1, "one"))
    const reader = new LastKnownGood(
      { directory, ...shape },
      new FakeClock(),
      () => snapshot(1, ""),
      (m) => trouble.push(m)
    )

    assert.deepStrictEqual(await reader.load(), snapshot(1, "one"))
    assert.match(trouble.join(), /HRLD-5103: .*herald-production-shop\.json is ignored: it was written by 0\.1\.0/)
    assert.strictEqual(await readFile(old, "utf8"), "{}")
  })

  it("LK3: what comes while a file is written goes together into the next, and writing rests nine times as long as it takes", async () => {
    let taken = 0
    const clock = new FakeClock()
    const file = new LastKnownGood(
      { directory, ...shape },
      clock,
      () => {
        taken++
        return snapshot(taken, "x")
      },
      () => {}
    )
    file.schedule()
    await clock.advance(100)
    for (let n = 0; n < 50; n++) file.schedule()
    assert.strictEqual(taken, 1)
    await until(() => clock.waiting.length === 1)
    await file.flush()
    assert.strictEqual(taken, 2)

    file.schedule()
    await clock.advance(100)
    file.schedule()
    await clock.advance(400) // as if the disk took so long
    await until(() => clock.waiting.length === 1)
    assert.isAtLeast(clock.waiting[0]!, 100)
    await file.close()
  })

  it("LK6: nothing is written after close", async () => {
    let taken = 0
    const clock = new FakeClock()
    const file = new LastKnownGood(
      { directory, ...shape },
      clock,
      () => snapshot(++taken, "x"),
      () => {}
    )
    file.schedule()
    await file.close()
    file.schedule()
    await file.flush()
    await clock.advance(10_000)

    assert.deepStrictEqual([taken, clock.waiting], [1, []])
    assert.deepStrictEqual(await file.load(), snapshot(1, "x"))
  })

  it("LK6: what is scheduled while close writes is not written", async () => {
    let taken = 0
    const clock = new FakeClock()
    const file: LastKnownGood = new LastKnownGood(
      { directory, ...shape },
      clock,
      () => {
        queueMicrotask(() => file.schedule()) // something is held while the file is written
        return snapshot(++taken, "x")
      },
      () => {}
    )
    file.schedule()
    await file.close()
    assert.deepStrictEqual([taken, clock.waiting], [1, []])
    await clock.advance(10_000)
    assert.strictEqual(taken, 1)
  })

  it("LK3: a directory that can't be written is an event and nothing more", async () => {
    const trouble: Array<string> = []
    await writeFile(join(directory, "file"), "")
    directory = join(directory, "file", "below")
    await generations(trouble, snapshot(1, "one"))

    assert.match(trouble[0]!, /HRLD-5104/)
  })
})
