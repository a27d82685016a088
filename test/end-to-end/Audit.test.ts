/** The owner of the database makes the audit chain anew while the server is away; the server notices, and `herald audit verify` says so. */
import { spawn } from "node:child_process"
import { readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { connect, startDatabase } from "../support/Database.ts"
import { type Server, startServer } from "../support/Server.ts"
import { waitUntil } from "../support/waitUntil.ts"

const verify = async (server: Server, ...args: ReadonlyArray<string>) => {
  const bin = new URL("../../bin/herald.js", import.meta.url).pathname
  const child = spawn(process.execPath, [bin, "audit", "verify", "--output", "json", ...args], {
    env: { PATH: process.env["PATH"], HERALD_DATA: server.data },
    stdio: ["ignore", "pipe", "pipe"]
  })
  let out = ""
  child.stdout.on("data", (chunk) => (out += String(chunk)))
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve))
  return { code, verdict: JSON.parse(out) }
}

describe("the audit log of a real server", () => {
  it("AC3 AC4 what was signed is in a file and in the log; a chain that was made anew is told apart from it", async () => {
    await using database = await startDatabase()
    await using server = await startServer({ DATABASE_URL: database.url })
    for (const value of ["one", "two", "three"]) await server.publish("svc", value)
    const file = join(server.data, "audit-checkpoints")
    const lines = () => readFileSync(file, "utf8").split("\n").filter(Boolean)
    await using owner = await connect(database.url)
    const [{ id }] = (await owner.query("select max(id)::int as id from audit_log")) as [{ id: number }]
    await waitUntil("the end of the log to be signed", () => lines().at(-1)?.startsWith(`herald-audit-1 ${id} `))
    assert.strictEqual(statSync(file).mode & 0o077, 0)
    await waitUntil("it to be told", () => /"checkpoint":"herald-audit-1 \d+ /.test(server.output))
    const good = await verify(server)
    assert.deepInclude(good, { code: 0 })
    assert.deepInclude(good.verdict, { ok: true, problem: null, next: null, entries: id })
    assert.strictEqual(good.verdict.checkpoints.newest.entry, id)

    await server.end("SIGTERM")
    await owner.query("set session_replication_role = replica")
    await owner.query("update audit_log set performed_by = 'innocent' where id = 3")
    await owner.query(`do $$ declare e audit_log; h text := ''; begin
      for e in select * from audit_log order by id loop
        update audit_log set prev_hash = h, hash = herald_audit_hash(h, e.id, e.config_id, e.action, e.performed_by, e.details, e.created_at)
          where id = e.id returning hash into h;
      end loop; end $$`)
    const before = lines()
    await server.start()
    await waitUntil("the server to say so", () =>
      server.output.includes("the audit log is not the one that was signed")
    )
    const bad = await verify(server)

    assert.strictEqual(bad.code, 3)
    assert.deepInclude(bad.verdict, { ok: false, next: null })
    assert.strictEqual(bad.verdict.problem.kind, "rewritten")
    assert.deepStrictEqual(lines(), before)
    await server.publish("svc", "four")
    const metrics = await server.call("GET", "/metrics")
    assert.match(String(metrics.body), /^herald_audit_broken 1$/m)
  })
})
