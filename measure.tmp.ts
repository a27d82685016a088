import { Effect, ManagedRuntime } from "effect"
import * as Postgres from "./layers/Postgres/Postgres.ts"
import { AuditLog } from "./src/access/AuditLog.ts"
import { analyze, fillAudit, fillKeys, fillRevisions } from "./bench/support/Fill.ts"
import { clientOptions, connect, startDatabase } from "./test/support/Database.ts"
const database = await startDatabase()
const runtime = ManagedRuntime.make(Postgres.layer(clientOptions(database.url)))
await runtime.runPromise(Effect.flatMap(AuditLog, (l) => l.last))
const sql = await connect(database.url)
await sql.query("set statement_timeout = 0"); await sql.query("set synchronous_commit = off")
let t = performance.now(); const lap = (w: string) => { console.log(w, ((performance.now() - t) / 1000).toFixed(1), "s"); t = performance.now() }
await fillKeys(sql, { keys: 50_000 }); await fillRevisions(sql, { revisions: 300_000 }); lap("filled")
await fillAudit(sql, { entries: 650_000 }); await analyze(sql); lap("audit filled")
let next: string | undefined, pages = 0, longest = 0, page: any
do { const a = performance.now(); page = await runtime.runPromise(Effect.flatMap(AuditLog, (l) => l.check(next))); longest = Math.max(longest, performance.now() - a); next = page.next; pages++ } while (next !== undefined)
console.log(page, { pages, longest: Math.round(longest), rss: Math.round(process.memoryUsage().rss / 1e6) }); lap("verified")
await sql[Symbol.asyncDispose](); await runtime.dispose(); await database[Symbol.asyncDispose]()
