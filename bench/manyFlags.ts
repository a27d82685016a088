/**
 * Many flags: how long an import takes until an application has it, what flags and streams of them cost a node, how long they hold its event loop
 * up, and what they cost configurations that are published beside them.
 *
 *   node bench/manyFlags.ts        --short: a tenth of it
 */
import { spawn } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { credentials, Metadata } from "@grpc/grpc-js"
import { FlagSyncServiceClient } from "../proto/generated/flagd/sync/v1/sync.ts"
import { Load } from "./load/Load.ts"
import { propagate } from "./propagation.ts"
import { median, short as shortly } from "./support/Numbers.ts"
import { ask, probed } from "./support/Probe.ts"
import { until } from "./support/Process.ts"
import { main, type Options, type Report, repeat } from "./support/Report.ts"
import { Server } from "./support/Server.ts"

const KIB = 1_024
const CLI = new URL("../src/cli/main.ts", import.meta.url).pathname

const rule = (n: number) => ({
  if: [
    {
      and: [
        { in: [{ var: "country" }, ["de", "at", "ch"]] },
        { sem_ver: [{ var: "version" }, ">=", "1.2.0"] },
        { ends_with: [{ var: "email" }, `@example${n}.com`] }
      ]
    },
    {
      fractional: [
        ["on", 50],
        ["off", 50]
      ]
    },
    "off"
  ]
})
/** `padding`: characters that it is longer. */
const flag = (n: number, round: number, padding = 0) => ({
  state: "ENABLED",
  variants: { on: true, off: false },
  defaultVariant: "off",
  targeting: rule(n),
  metadata: { round, ...(padding === 0 ? {} : { text: "x".repeat(padding) }) }
})
type Flags = ReadonlyArray<readonly [name: string, definition: object]>
const flags = (from: number, to: number, round: number, padding = 0): Flags =>
  Array.from({ length: to - from }, (_, n) => [`flag-${from + n}`, flag(from + n, round, padding)] as const)

/** One provider in process, that is sent every document. */
class Reader {
  #document = ""
  #look = () => {}
  readonly #client: FlagSyncServiceClient
  constructor(server: Server, environment: string) {
    const metadata = new Metadata()
    metadata.set("authorization", `Bearer ${server.token}`)
    metadata.set("flagd-selector", `flagSetId=${environment}`)
    this.#client = new FlagSyncServiceClient(server.grpc, credentials.createInsecure(), {
      "grpc.max_receive_message_length": -1,
      "grpc.use_local_subchannel_pool": 1
    })
    this.#client
      .syncFlags({ providerId: "", selector: "" }, metadata)
      .on("data", ({ flagConfiguration }: { readonly flagConfiguration: string }) => {
        this.#document = flagConfiguration
        this.#look()
      })
      .on("error", () => {})
  }
  has(count: number, text: string): Promise<void> {
    return new Promise((resolve) => {
      this.#look = () => {
        if (this.#document.split(text).length - 1 !== count) return
        this.#look = () => {}
        resolve()
      }
      this.#look()
    })
  }
  close(): void {
    this.#client.close()
  }
}

const measureOnce = async (brief: boolean) => {
  const [imported, many, streams, clients] = brief ? [200, 1_000, 50, 50] : [2_000, 10_000, 500, 500]
  const lasting = brief ? { seconds: 1, warmUp: 1 } : { seconds: 8, warmUp: 2 }
  const wrong: Array<string> = []
  const socket = `/tmp/herald-bench-${process.pid}-${Math.random().toString(36).slice(2)}.sock`
  await using server = await new Server({
    HERALD_BENCH_SOCKET: socket,
    FLAGS_STREAMS: "2000"
  }).start(probed)
  const http = await Promise.all(Array.from({ length: 4 }, () => server.connect()))
  const release = async (connection: number, its: Flags, environment: string) => {
    const body = { changes: [], flags: its.map(([flag, value]) => ({ flag, environment, value })) }
    if (http[connection]!.closed !== undefined) http[connection] = await server.connect() // idle for long
    const { status, body: said } = await http[connection]!.request("POST", "/v1/releases", JSON.stringify(body))
    if (status !== 200) wrong.push(`a release of flags was answered ${status}: ${said.slice(0, 200)}`)
  }
  /** As the command line does: releases of 500, or of some megabytes, four at a time. */
  const publish = async (its: Flags, environment: string, size = 500) => {
    const left = Array.from({ length: Math.ceil(its.length / size) }, (_, n) => its.slice(n * size, (n + 1) * size))
    await Promise.all(
      http.map(async (_, connection) => {
        for (let one = left.shift(); one !== undefined; one = left.shift()) await release(connection, one, environment)
      })
    )
  }
  const held = async () => {
    let last = await ask(socket, true)
    for (let tries = 0; tries < 20; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 250))
      const now = await ask(socket, true)
      if (Math.abs(now.heap - last.heap) < 0.002 * last.heap) return now.heap
      last = now
    }
    return last.heap
  }
  const applied = async () => {
    await using load = new Load()
    await load.connect({ service: "bench", keys: ["bench"], clients, grpc: server.grpc, token: server.token })
    const seen = await propagate(server, load, lasting)
    wrong.push(...seen.wrong)
    return seen.each.p50
  }

  await applied() // code that is compiled
  const alone = await applied()

  // From the first request until a provider in process has all of them; what is new, and then a change of each.
  const reader = new Reader(server, "imports")
  await reader.has(0, '"round"')
  const imports: Array<number> = []
  for (const round of [1, 2, 3]) {
    const at = performance.now()
    await Promise.all([publish(flags(0, imported, round), "imports"), reader.has(imported, `"round":${round}}`)])
    imports.push(performance.now() - at)
  }
  const file = join(server.data, "flags.json")
  writeFileSync(file, JSON.stringify({ flags: Object.fromEntries(flags(0, imported, 9)) }))
  const started = performance.now()
  const child = spawn(process.execPath, [CLI, "flag", "import", file, "--env", "imports", "--server", server.http], {
    env: { ...process.env, HERALD_TOKEN: server.token },
    stdio: "ignore"
  })
  const exited = new Promise<void>((resolve) =>
    child.once("exit", (code) => {
      if (code !== 0) wrong.push(`herald flag import ended with ${code}`)
      resolve()
    })
  )
  await Promise.all([exited, reader.has(imported, '"round":9}')])
  const command = performance.now() - started
  reader.close()

  const none = await held()
  await publish(flags(0, many / 2, 0), "production")
  const half = await held()
  await publish(flags(many / 2, many, 0), "production")
  const all = await held()
  const beside = await applied()

  await ask(socket)
  const first = new Reader(server, "production")
  await first.has(many, '"round":0}')
  const firstStall = (await ask(socket)).stall
  for (const round of [1, 2, 3]) {
    await Promise.all([publish(flags(7, 8, round), "production"), first.has(1, `"round":${round}}`)])
  }
  const changeStall = (await ask(socket)).stall
  const written = await held()
  first.close()

  const before = await held()
  const readers = Array.from({ length: streams }, () => new Reader(server, "few"))
  await until("all streams to have a document", async () => {
    await Promise.all(readers.map((one) => one.has(0, '"round"')))
    return true
  })
  const after = await held()
  for (const one of readers) one.close()

  // At the bounds: 20,000 flags, 64 MiB.
  let boundStall: number | undefined
  if (!brief) {
    await publish(flags(0, 19_900, 0, 2_800), "bounds")
    await ask(socket)
    // Over HTTP: a message of gRPC is not as large.
    for (const round of [0, 1]) {
      const { status, body } = await http[0]!.request("GET", "/v1/flagd?environment=bounds")
      if (status !== 200 || !body.includes(`"round":${round},`)) wrong.push(`the document was answered ${status}`)
      if (round === 0) await publish(flags(7, 8, 1, 2_800), "bounds")
    }
    boundStall = (await ask(socket)).stall
  }
  for (const one of http) one.close()
  return {
    ...{ imported, many, streams, imports: median(imports), command, alone, beside, wrong, firstStall, changeStall },
    boundStall,
    each: (all - none) / many / KIB,
    slope: (all - half) / (many / 2) / KIB,
    document: (written - all) / many / KIB,
    stream: (after - before) / streams / KIB
  }
}

const measure = async ({ short: brief, runs }: Options): Promise<Report> => {
  const found = await repeat(runs, () => measureOnce(brief))
  const [{ imported, many, streams }] = found as [(typeof found)[0]]
  type Figure = (one: (typeof found)[0]) => number
  const row = (what: string, reach: string, unit: string, of: Figure) => ({ what, reach, unit, values: found.map(of) })
  return {
    rows: [
      row(
        `${imported} flags from the first request to a provider in process that has all`,
        "< 500",
        "ms",
        (one) => one.imports
      ),
      row(
        `… from the start of herald flag import, its own start and look at what is there included`,
        "",
        "ms",
        (one) => one.command
      ),
      row(`memory of a flag, 0 → ${many} flags`, "", "KB", ({ each }) => each),
      row(`… ${many / 2} → ${many} flags`, "", "KB", ({ slope }) => slope),
      row("… and once a stream had their document", "", "KB", ({ document }) => document),
      row(`memory of a stream of flagd.sync.v1, 0 → ${streams}`, "≤ 40", "KB", ({ stream }) => stream),
      row(
        `publish → applied of configurations with ${many} flags beside, to that without, p50`,
        "≤ 1.05",
        "×",
        ({ alone, beside }) => beside / alone
      ),
      row(
        `longest stall while the first document of ${many} flags is written and sent`,
        "< 20",
        "ms",
        (one) => one.firstStall
      ),
      row("… while a change of one of them is", "< 20", "ms", ({ changeStall }) => changeStall),
      ...(found.every(({ boundStall }) => boundStall === undefined)
        ? []
        : [row("… with 19,900 flags of 64 MB together", "< 20", "ms", ({ boundStall }) => boundStall ?? 0)])
    ],
    notes: [
      `publish → applied, p50 in ms, without and with flags: ${found.map(({ alone, beside }) => `${shortly(alone)} → ${shortly(beside)}`).join("; ")}`
    ],
    wrong: found.flatMap(({ wrong }) => wrong)
  }
}

if (import.meta.main) await main("manyFlags", measure)
