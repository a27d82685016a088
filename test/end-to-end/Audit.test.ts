/** The owner of the database makes the audit chain anew while the server is away; the server notices, and `herald audit verify` says so. */
import { spawn } from "node:child_process"
import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { connect, startDatabase } from "../support/Database.ts"
import { Server, startServer } from "../support/Server.ts"
import { waitUntil } from "../support/waitUntil.ts"

const audit = async (env: Record<string, string>, ...args: ReadonlyArray<string>) => {
  const bin = new URL("../../bin/herald.js", import.meta.url).pathname
  const child = spawn(process.execPath, [bin, "audit", ...args], {
    env: { PATH: process.env["PATH"], ...env },
    stdio: ["ignore", "pipe", "pipe"]
  })
  let [out, said] = ["", ""]
  child.stdout.on("data", (chunk) => (out += String(chunk)))
  child.stderr.on("data", (chunk) => (said += String(chunk)))
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve))
  return { code, out, said }
}

const verify = async (server: Server, ...args: ReadonlyArray<string>) => {
  const { code, out } = await audit({ HERALD_DATA: server.data }, "verify", "--output", "json", ...args)
  return { code, verdict: JSON.parse(out) }
}

const CHAIN = `do $$ declare e audit_log; h text := ''; begin
  for e in select * from audit_log order by id loop
    update audit_log set prev_hash = h, hash = herald_audit_hash(h, e.id, e.config_id, e.action, e.performed_by, e.details, e.created_at)
      where id = e.id returning hash into h;
  end loop; end $$`

describe("the audit log of a real server", () => {
  it("AC3 AC4 what was signed is in a file and in the log; a chain that was made anew is told apart from it", async () => {
    await using database = await startDatabase()
    await using server = await startServer({ DATABASE_URL: database.url })
    for (const value of ["one", "two", "three"]) await server.publish("svc", value)
    const file = join(server.data, "audit-checkpoints")
    const lines = () => readFileSync(file, "utf8").split("\n").filter(Boolean)
    await using owner = await connect(database.url)
    const [{ id }] = (await owner.query("select max(id)::int as id from audit_log")) as [{ id: number }]
    await waitUntil("the end of the log to be signed", () => lines().at(-1)?.startsWith(`herald-audit-2 ${id} `))
    assert.strictEqual(statSync(file).mode & 0o077, 0)
    await waitUntil("it to be told", () => /"checkpoint":"herald-audit-2 \d+ /.test(server.output))
    const good = await verify(server)
    assert.deepInclude(good, { code: 0 })
    assert.deepInclude(good.verdict, { ok: true, problem: null, next: null, entries: id })
    assert.strictEqual(good.verdict.checkpoints.newest.entry, id)

    await server.end("SIGTERM")
    await owner.query("set session_replication_role = replica")
    await owner.query("update audit_log set performed_by = 'innocent' where id = 3")
    await owner.query(CHAIN)
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

  it("AE1 AE3 AC5 AC7 an export is verified without the server, also after its key was changed and by another node; what was tampered with is not whole", async () => {
    await using database = await startDatabase()
    const settings = { DATABASE_URL: database.url, HERALD_PEPPER: "shared" }
    await using server = await startServer(settings)
    const file = join(server.data, "audit.jsonl")
    const keys = join(server.data, "keys.pem")
    const here = { HERALD_DATA: server.data }
    const offline = (...args: ReadonlyArray<string>) =>
      audit({ HERALD_DATA: "/nowhere" }, "verify", "--output", "json", "--file", file, ...args)
    for (const value of ["one", "two", "three"]) await server.publish("svc", value)
    assert.deepInclude(await audit(here, "export", "--file", file), { code: 0, out: "" })
    const first = (await audit(here, "key", "--output", "table")).out
    writeFileSync(keys, first)
    assert.strictEqual((await offline("--key", keys)).code, 0)

    // Another key: what the first one signed still counts at the server, and who only knows the first one sees no further.
    await server.end("SIGTERM")
    assert.strictEqual(statSync(join(server.data, "audit-key")).mode & 0o077, 0)
    rmSync(join(server.data, "audit-key"))
    await server.start()
    await server.publish("svc", "four")
    assert.strictEqual((await audit(here, "export", "--file", file)).code, 0)
    const partly = await offline("--key", keys)
    assert.deepInclude(partly, { code: 1 })
    assert.strictEqual(JSON.parse(partly.out).problem.kind, "unsigned")
    const second = (await audit(here, "key", "--output", "table")).out
    assert.include(second, first.split("\n")[1]!)
    assert.notStrictEqual(second, first)
    assert.deepInclude((await verify(server)).verdict.checkpoints, { unsigned: 0 })

    // A second node has a key of its own, which every node names; an export that it goes on with is as whole.
    await using other = await startServer(settings)
    const token = server.token
    other.given = token
    await other.publish("svc", "five")
    const there = { HERALD_SERVER: other.http, HERALD_TOKEN: token }
    assert.strictEqual((await audit(there, "export", "--file", file)).code, 0)
    writeFileSync(keys, (await audit(here, "key", "--output", "table")).out)
    const whole = await offline("--key", keys)
    assert.deepInclude(whole, { code: 0 })
    assert.deepInclude(JSON.parse(whole.out), { ok: true, left: 0 })

    await using owner = await connect(database.url)
    await owner.query("set session_replication_role = replica")
    await owner.query("update audit_log set performed_by = 'innocent' where id = 3")
    await owner.query(CHAIN)
    await owner.query("insert into audit_keys (id, line) values ('0123456789abcdef', 'herald-audit-key-1 of mallory')")
    rmSync(file)
    const exported = await audit(here, "export", "--file", file)
    assert.strictEqual(exported.code, 3)
    assert.include(exported.said, "is not the one that was signed")
    const tampered = await offline("--key", keys)
    assert.deepInclude(tampered, { code: 1 })
    assert.strictEqual(JSON.parse(tampered.out).problem.kind, "rewritten")
    assert.notInclude((await audit(here, "key", "--output", "table")).out, "0123456789abcdef")
    assert.strictEqual((await offline()).code, 2)
  })

  it("AC5 a key that is none is refused at the start, without a word of it", async () => {
    await using server = new Server({ HERALD_AUDIT_KEY: "cold and secret" })
    server.launch()
    await waitUntil("it to end", () => server.process!.exitCode !== null)
    assert.notStrictEqual(server.process!.exitCode, 0)
    assert.include(server.output, "HERALD_AUDIT_KEY is no private key of Ed25519")
    assert.notInclude(server.output, "cold and secret")
  })
})
