/** Fault 24: the database's disk (a small tmpfs) is full. Writes fail typed, reads and streams go on, nothing acked is lost, no restart. */
import { execFileSync } from "node:child_process"
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { newFolder } from "../support/folder.ts"
import { measured, seconds } from "../support/measured.ts"
import { Server } from "../support/Server.ts"
import { Subscriber } from "../support/Subscriber.ts"
import { waitUntil } from "../support/waitUntil.ts"

describe("fault 24: disk full", () => {
  it("read-only, no crash, and it recovers by itself", async () => {
    const folder = newFolder()
    const disk = join(folder.path, "disk")
    mkdirSync(disk)
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=160m,mode=711", "tmpfs", disk])
    try {
      await using server = new Server({}, { data: join(disk, "data") })
      await server.start()
      const subscriber = new Subscriber(server.grpc, { token: server.token })
      await server.publish("svc", "one")
      await waitUntil("the first value", () => subscriber.content("svc") === "one")
      const acked: Array<number> = []
      const filler = join(disk, "filler")
      const fill = () => {
        try {
          writeFileSync(filler, Buffer.alloc(1_048_576), { flag: "a" })
          return true
        } catch {
          return false
        }
      }
      while (fill());

      const refused = await waitUntil("a refusal", async () => {
        const { status, body } = await server.publish("svc.big", Math.random().toString().repeat(20_000), {
          type: "string"
        })
        if (status < 300) acked.push(body.version)
        return status >= 300 && { status, code: body.code }
      })
      assert.strictEqual(refused.status, 503)
      assert.include(["HRLD-4002", "HRLD-4001"], refused.code)
      const without = async () => String((await server.call("GET", "/readyz")).body.degraded).split(",")
      await waitUntil("it to be named", async () => (await without()).includes("postgresql-writes")) // DG2
      const read = await server.read("svc")
      assert.deepStrictEqual([read.status, read.body.value], [200, "one"])
      assert.isFalse(subscriber.ended)
      assert.isNull(server.process!.exitCode)

      rmSync(filler)
      const from = performance.now()
      await waitUntil("writes", async () => (await server.publish("svc", "two")).status === 200)
      await waitUntil("it to be over", async () => !(await without()).includes("postgresql-writes"))
      measured(24, "a tmpfs of 160 MB filled", { "writes after room was made": seconds(performance.now() - from) })
      await waitUntil("the value to arrive", () => subscriber.content("svc") === "two")
      for (const version of acked) {
        const { status } = await server.call("GET", `/v1/config/svc.big/versions/${version}?environment=production`)
        assert.strictEqual(status, 200)
      }
      assert.isFalse(subscriber.ended)
      subscriber.close()
    } finally {
      execFileSync("umount", ["-l", disk])
      folder.remove()
    }
  })
})
