/**
 * Fault 61: PostgreSQL is killed (postmaster, kill -9), and frozen past every deadline, under producers. What was acked is there once and in order,
 * what was said to have failed never comes, and nobody waits longer than a deadline.
 */
import { assert, describe, it } from "@effect/vitest"
import { startNativeDatabase } from "../support/Database.ts"
import { measured, seconds } from "../support/measured.ts"
import { postmasterOf, processesOf, tell } from "../support/PostgresProcesses.ts"
import { startServer } from "../support/Server.ts"
import { createTopic, TopicPrograms } from "../support/TopicPrograms.ts"
import { waitUntil } from "../support/waitUntil.ts"

describe("fault 61: the database is lost under producers", () => {
  it("TL1 TL2 TL3 LA4 QP1 killed and frozen: acked events are there once, failed ones never", async () => {
    await using database = await startNativeDatabase()
    await using server = await startServer({ DATABASE_URL: database.url })
    await createTopic(server, "load", { partitions: 2 })
    await using programs = new TopicPrograms("load", server.grpc, server.token)
    for (let n = 0; n < 3; n++) programs.produce(`p${n}`, { partitions: 2, batch: 20 })
    programs.follow("r")
    for (let n = 0; n < 4; n++) programs.post(server, `plain${n}`)
    const more = async (what: string, events: number) => {
      const before = programs.sent.ok
      await waitUntil(what, () => programs.sent.ok > before + events)
    }

    await more("events", 5_000)
    const killed = postmasterOf(database.cluster)!
    let from = performance.now()
    tell([killed], "SIGKILL")
    await waitUntil("another postmaster", () => ![undefined, killed].includes(postmasterOf(database.cluster)))
    await more("events after the kill", 1)
    const afterKill = performance.now() - from
    await more("more events", 2_000)

    const pids = processesOf(postmasterOf(database.cluster)!)
    const refused = programs.sent.fail + programs.sent.info
    from = performance.now()
    tell(pids, "SIGSTOP")
    for (let n = 0; n < 4; n++) programs.post(server, `late${n}`)
    // Four were under way, four come while it is frozen: all get an answer, none waits for the thaw.
    await waitUntil("all to be answered", () => programs.sent.fail + programs.sent.info >= refused + 8)
    const answered = performance.now() - from
    tell(pids, "SIGCONT")
    from = performance.now()
    await more("events after the thaw", 1)
    const afterThaw = performance.now() - from
    await more("more events", 2_000)
    await programs.stop()
    const { found } = await programs.judge()

    assert.deepStrictEqual(programs.errors, [])
    assert.deepStrictEqual(found, [])
    assert.strictEqual(programs.opened, 3) // the SDK's producers go on, and are told of nothing
    assert.isAbove(programs.sent.fail + programs.sent.info, 7)
    for (const code of programs.codes) assert.match(code, /^HRLD-400[1246]$/)
    measured(61, "postmaster killed, then frozen past the deadlines", {
      "acked events": programs.sent.ok,
      "said to have failed": programs.sent.fail,
      "said to be unknown": programs.sent.info,
      "lost, twice or there though failed": found.length,
      "first ack after the kill": seconds(afterKill),
      "all answered while it was frozen": seconds(answered),
      "first ack after the thaw": seconds(afterThaw)
    })
  })
})
