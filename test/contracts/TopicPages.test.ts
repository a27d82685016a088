/** What readers of the log of topics are told when bytes change on the disk under PostgreSQL, with pages that have checksums of its own. */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, ManagedRuntime, Metric } from "effect"
import * as Postgres from "../../layers/Postgres/Postgres.ts"
import { clientOptions, connect, startNativeDatabase } from "../support/Database.ts"
import { append, textsIn } from "../support/TopicNodes.ts"
import { newTopic } from "../support/Topics.ts"
import { kinds } from "../support/Twins.ts"
import { waitUntil } from "../support/waitUntil.ts"

const lost = Effect.map(Metric.snapshot, (all) => {
  const found = all.find(({ id }) => id === "herald_topic_corrupt_events_total")
  return found?.type === "Counter" ? Number(found.state.count) : 0
})

describe("topics in PostgreSQL, on a disk that errs", () => {
  it("SP1 TL5 a flipped byte is a gap of what can't be read and of no more, with an alarm, and never silent", async () => {
    await using database = await startNativeDatabase()
    const runtime = ManagedRuntime.make(Postgres.layer(clientOptions(database.url)).pipe(Layer.provide(kinds)))
    try {
      const { id } = await runtime.runPromise(newTopic({ compression: "none" }))
      // Small segments are in the table's own pages, many in one.
      for (let n = 0; n < 40; n++) await runtime.runPromise(append(id, 10 * n, 10, undefined, "small-"))
      await runtime.runPromise(append(id, 400, 600, undefined, "more-"))
      await runtime.runPromise(append(id, 1_000, 10, undefined, "last-"))
      const files = await (async () => {
        await using session = await connect(database.url)
        await session.query("checkpoint")
        return await session.query(`select pg_relation_filepath(c.oid) as heap
          from topic_segments s join pg_class c on c.oid = s.tableoid where s.topic_id = ${id} limit 1`)
      })()
      const flip = (file: unknown, text: string) => {
        const path = join(database.cluster, String(file))
        const bytes = readFileSync(path)
        const at = bytes.indexOf(text)
        assert.isAbove(at, 0, text)
        bytes[at]! ^= 1
        writeFileSync(path, bytes)
      }
      flip(files[0]!["heap"], "small-205")
      // One process of PostgreSQL dies, so all leave, and pages are read from the disk again.
      {
        await using session = await connect(database.url)
        const [row] = await session.query("select pg_backend_pid() as pid")
        process.kill(Number(row!["pid"]), "SIGKILL")
      }
      await waitUntil("PostgreSQL to serve again", async () => {
        try {
          await using session = await connect(database.url)
          return (await session.query("select 1 as one")).length === 1
        } catch {
          return false
        }
      })
      const texts = await waitUntil("what there is", () => runtime.runPromise(textsIn(id)).catch(() => undefined))
      const gaps = texts.filter((text) => text.startsWith("corrupt"))
      const read = texts.filter((text) => !text.startsWith("corrupt"))
      const span = (gap: string) => gap.slice(8).split("-").map(Number) as [number, number]
      const missing = gaps.reduce((sum, gap) => sum + span(gap)[1] - span(gap)[0], 0)
      assert.strictEqual(read.length + missing, 1_010, JSON.stringify(gaps))
      const isMissing = (offset: number) => gaps.some((gap) => span(gap)[0] <= offset && offset < span(gap)[1])
      assert.isTrue(isMissing(205))
      assert.isFalse(isMissing(1_000))
      assert.isFalse(isMissing(0) && isMissing(399), JSON.stringify(gaps))
      assert.isAtLeast(await runtime.runPromise(lost), missing)
    } finally {
      await runtime.dispose()
    }
  })
})
