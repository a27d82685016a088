/** Fault 70: the database's disk (a small tmpfs) is full under producers. They are told or wait, readers have what there is, and all goes on when there is room. */
import { execFileSync } from "node:child_process"
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { newFolder } from "../support/folder.ts"
import { measured, seconds } from "../support/measured.ts"
import { Server } from "../support/Server.ts"
import { createTopic, logOf, TopicPrograms } from "../support/TopicPrograms.ts"
import { waitUntil } from "../support/waitUntil.ts"

/** Until there is no room left. */
const fill = (file: string): void => {
  const full = Buffer.alloc(1_048_576)
  for (;;)
    try {
      writeFileSync(file, full, { flag: "a" })
    } catch {
      return
    }
}

describe("fault 70: the disk is full under producers", () => {
  it("TL1 TL2 LA4 QP1 acked events are there once, failed ones never, and it goes on by itself", async () => {
    const folder = newFolder()
    const disk = join(folder.path, "disk")
    mkdirSync(disk)
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=160m,mode=711", "tmpfs", disk])
    try {
      await using server = new Server({}, { data: join(disk, "data") })
      await server.start()
      await createTopic(server, "load", { compression: "none" })
      await using programs = new TopicPrograms("load", server.grpc, server.token)
      for (let n = 0; n < 2; n++) programs.produce(`p${n}`, { batch: 20, calls: 2, padding: 1_000, pause: 10 })
      programs.post(server, "plain")
      programs.follow("r")
      await waitUntil("events", () => programs.sent.ok > 500)

      const filler = join(disk, "filler")
      await waitUntil("a refusal", () => {
        fill(filler)
        return programs.sent.fail > 0
      })
      assert.isNull(server.process!.exitCode)
      const there = await logOf(programs.topic)
      assert.isAtLeast(there.length, 500)

      rmSync(filler)
      const [from, before] = [performance.now(), programs.sent.ok]
      await waitUntil("events again", () => programs.sent.ok > before)
      const took = performance.now() - from
      await waitUntil("more of them", () => programs.sent.ok > before + 200)
      await programs.stop()
      const { found } = await programs.judge()
      assert.deepStrictEqual(programs.errors, [])
      assert.deepStrictEqual(found, [])
      assert.strictEqual(programs.opened, 2)
      for (const code of programs.codes) assert.match(code, /^HRLD-400[1246]$/)
      measured(70, "a tmpfs of 160 MB filled under producers", {
        "acked events": programs.sent.ok,
        "said to have failed": programs.sent.fail,
        "lost, twice or there though failed": found.length,
        "first ack after room was made": seconds(took)
      })
    } finally {
      execFileSync("umount", ["-l", disk])
      folder.remove()
    }
  })
})
