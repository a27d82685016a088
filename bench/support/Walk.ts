/**
 * One rung of the ladder: what happens to a server in a bad week, one thing after the other, and what each did to it.
 *
 *   BW1  The event loop's longest stall counts from the beginning of a step to its end.
 *   BW2  Wrong is a client that did not get what was published, an update that came twice or went backwards, and a request that failed.
 */
import { spawn } from "node:child_process"
import { setTimeout as sleep } from "node:timers/promises"
import { connect, startDatabase } from "../../test/support/Database.ts"
import { TcpProxy } from "../../test/support/TcpProxy.ts"
import { Load } from "../load/Load.ts"
import { propagate } from "../propagation.ts"
import { analyze, type Database, fillAudit, fillDeliveries, fillInstances, fillKeys, fillRevisions } from "./Fill.ts"
import { short } from "./Numbers.ts"
import { payload } from "./Payload.ts"
import { ask, probed } from "./Probe.ts"
import { until } from "./Process.ts"
import type { Rung } from "./Rungs.ts"
import { Server } from "./Server.ts"

export interface Figure {
  readonly what: string
  readonly reach: string
  readonly unit: string
  readonly value: number
}

export interface Walked {
  readonly rows: ReadonlyArray<Figure>
  readonly notes: ReadonlyArray<string>
  readonly wrong: ReadonlyArray<string>
}

const ROOT = new URL("../../", import.meta.url).pathname
/** Every client listens to it besides its own service's keys. */
const KEY = "bench"
const MEBIBYTE = 2 ** 20
const OUTAGE = 4_000
const PATIENCE = 180_000

const fill = async (sql: Database, { keys, services, revisions, instances, deliveries, audit }: Rung) => {
  await fillRevisions(sql, { revisions })
  await fillKeys(sql, { keys, prefixes: Array.from({ length: services }, (_, n) => `svc${n}`) })
  await fillInstances(sql, { instances })
  await fillDeliveries(sql, { deliveries })
  await fillAudit(sql, { entries: audit })
  await analyze(sql)
}

const url = (port: number, whole: string) => whole.replace(/:\d+\//, `:${port}/`)

export const walk = async (rung: Rung, socket: string): Promise<Walked> => {
  const rows: Array<Figure> = []
  const notes: Array<string> = []
  const wrong: Array<string> = []
  const say = (what: string, reach: string, unit: string, value: number) => {
    rows.push({ what, reach, unit, value })
    process.stderr.write(`  ${what}: ${short(value)} ${unit}\n`)
  }

  await using database = await startDatabase()
  await using proxy = new TcpProxy(database.port)
  const port = await proxy.listen()
  await using server = new Server({
    DATABASE_URL: url(port, database.url),
    HERALD_PEPPER: "a pepper that only this benchmark uses",
    HERALD_BENCH_SOCKET: socket,
    RETENTION_TIME: "3650d",
    LIMIT_STREAMS_PER_ENVIRONMENT: "20000"
  })
  await using sql = await connect(database.url)

  /** Seconds that `work` took, and the longest stall meanwhile, as rows. BW1 */
  const step = async (what: string, reach: string, work: () => Promise<void>) => {
    await ask(socket)
    const start = performance.now()
    await work()
    say(what, reach, "s", (performance.now() - start) / 1_000)
    say("… longest stall", `≤ ${rung.stall} ms`, "ms", (await ask(socket)).stall)
  }

  const untilReady = () =>
    until(
      "the server to be ready",
      () =>
        fetch(`${server.http}/readyz`).then(
          ({ status }) => status === 200 || undefined,
          () => undefined
        ),
      PATIENCE
    )

  const publishOnce = async () => {
    const http = await server.connect().catch(() => undefined)
    try {
      return await http?.publish(KEY, payload(0))
    } catch {
      return undefined
    } finally {
      http?.close()
    }
  }

  /** Publishes until every client has it. */
  const reached = async (load: Load) => {
    const version = await until("a publish to be taken", publishOnce, PATIENCE)
    wrong.push(...(await load.reached({ [KEY]: version }, PATIENCE)))
  }

  await server.start(probed)
  const bare = await ask(socket, true)
  await server.stop()
  const filled = performance.now()
  await fill(sql, rung)
  notes.push(`${rung.name}: rows were made in ${short((performance.now() - filled) / 1_000)} s`)

  const began = performance.now()
  server.launch(probed)
  await untilReady()
  say(`start with ${rung.keys.toLocaleString("en-US")} keys`, "≤ 5 s", "s", (performance.now() - began) / 1_000)
  const empty = await ask(socket, true)
  say("… memory without clients", "", "MB", empty.resident / MEBIBYTE)
  say("… JavaScript objects a key", "", "bytes", (empty.heap - bare.heap) / rung.keys)

  const load = new Load()
  await using _ = load
  const crowd = {
    grpc: server.grpc,
    token: server.token,
    service: "svc",
    services: rung.services,
    keys: [KEY, "{service}", "{service}.*"],
    clients: rung.clients,
    atOnce: 500,
    reconnect: true
  }
  await load.measure()
  await step(
    `connect ${rung.clients.toLocaleString("en-US")} clients`,
    "",
    async () => void (await load.connect(crowd))
  )
  notes.push(`${rung.name}: ${(await load.report()).updates.toLocaleString("en-US")} updates in their snapshots`)
  const full = await ask(socket, true)
  say("… JavaScript objects a client", "", "KB", (full.heap - empty.heap) / 1_024 / rung.clients)

  await step("10 publishes a second for 5 s, all applied", "", async () => {
    const { each, wrong: bad } = await propagate(server, load, { seconds: 5, warmUp: 2 })
    wrong.push(...bad)
    say("publish → applied, p50", "", "ms", each.p50)
    say("publish → applied, p99", "≤ 1.2 × 1k keys", "ms", each.p99)
  })

  await ask(socket)
  proxy.fault = "refuse"
  proxy.cut()
  await sleep(OUTAGE)
  const unsure = (await load.report()).unsure
  notes.push(`${rung.name}: ${unsure} clients knew before the end of the outage that the node was not sure`)
  proxy.fault = "none"
  const returned = performance.now()
  await until("nobody to be unsure", async () => ((await load.report()).unsure === 0 ? true : undefined), PATIENCE)
  await reached(load)
  say(
    "database back after 4 s: all confirmed and a publish applied",
    "≤ 5 s",
    "s",
    (performance.now() - returned) / 1_000
  )
  say("… longest stall", `≤ ${rung.stall} ms`, "ms", (await ask(socket)).stall)

  await load.measure()
  await step("history lost (a new epoch): all compared again and a publish applied", "", async () => {
    await sql.query("update herald_epoch set epoch = gen_random_uuid()::text")
    await until("the new epoch", async () => (await load.report()).updates > 0 || undefined, PATIENCE)
    await reached(load)
  })
  notes.push(`${rung.name}: ${(await load.report()).updates.toLocaleString("en-US")} updates after the new epoch`)

  await load.measure()
  await server.stop()
  const restarted = performance.now()
  server.launch(probed)
  await untilReady()
  await ask(socket)
  const away = async () => {
    const seen = await load.report()
    return seen.away === 0 ? true : undefined
  }
  await until("everybody to be back", away, PATIENCE).catch(async (error) => {
    const seen = await load.report()
    throw new Error(`${seen.away} clients were away: ${seen.left}`, { cause: error })
  })
  await reached(load)
  say("restart, everybody back and a publish applied", "", "s", (performance.now() - restarted) / 1_000)
  say("… longest stall", `≤ ${rung.stall} ms`, "ms", (await ask(socket)).stall)
  const seen = await load.report()
  notes.push(
    `${rung.name}: after the restart ${seen.back.toLocaleString("en-US")} came back and were sent ${seen.updates.toLocaleString("en-US")} updates`
  )

  const http = await server.connect()
  const get = async (path: string) => {
    const { status, body } = await http.request("GET", path)
    if (status !== 200) wrong.push(`${path} was answered ${status}: ${body.slice(0, 200)}`)
    return body
  }
  await step("the first page of the clients", "", async () => {
    const body = await get("/v1/clients?environment=production&limit=100")
    notes.push(`${rung.name}: that page has ${short(body.length / MEBIBYTE)} MB`)
  })
  await step("20 pages of the keys", "", async () => {
    let after = ""
    for (let page = 0; page < 20; page++) {
      const found = JSON.parse(await get(`/v1/config?environment=production&limit=100&after=${after}`)) as {
        readonly configurations?: ReadonlyArray<{ readonly key: string }>
      }
      after = found.configurations?.at(-1)?.key ?? ""
    }
  })
  await step(`audit verify over ${rung.audit.toLocaleString("en-US")} entries and more`, "", async () => {
    const child = spawn(process.execPath, [`${ROOT}src/cli/main.ts`, "audit", "verify", "--server", server.http], {
      env: { PATH: process.env["PATH"], HERALD_TOKEN: server.token },
      stdio: ["ignore", "ignore", "pipe"]
    })
    let said = ""
    child.stderr.on("data", (bytes) => (said += String(bytes)))
    const code = await new Promise((resolve) => child.once("exit", resolve))
    if (code !== 0) wrong.push(`audit verify ended with ${code}: ${said.slice(-300)}`)
  })

  http.close()
  wrong.push(...(await load.report()).wrong)
  return { rows, notes, wrong }
}
