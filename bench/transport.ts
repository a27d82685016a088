/**
 * What speaks HTTP/2 below the gRPC door: the lane, grpc-js below the same Herald, and writes to bare sockets, in turns in one run. A row's
 * figures come from the same clients, one after the other; only the server behind them differs.
 */
import { fork, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempDisposable } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { HeartbeatRequest } from "../proto/generated/herald/distribution/v1/distribution.ts"
import type { Seen } from "./load/Crowd.ts"
import { Load } from "./load/Load.ts"
import { Peer } from "./load/Peer.ts"
import { EVENTS, MESSAGE, type Sunk } from "./load/Sink.ts"
import { measureOnce as memoryOf } from "./memory.ts"
import { propagate } from "./propagation.ts"
import { calls, hasH2load } from "./support/H2load.ts"
import { median, short } from "./support/Numbers.ts"
import { payload } from "./support/Payload.ts"
import { ask as askStall, probed } from "./support/Probe.ts"
import { cpuSeconds } from "./support/Process.ts"
import { main, type Options, type Report, type Row, repeat } from "./support/Report.ts"
import { Server } from "./support/Server.ts"

const KEY = "bench"
const KINDS = ["lane", "grpc-js"] as const
type Kind = (typeof KINDS)[number]
const herald = (kind: Kind, more: Readonly<Record<string, string>> = {}) => new Server({ GRPC_SERVER: kind, ...more })

interface Delivered extends Seen {
  /** Share of one core. */
  readonly server: number
}
/** Microseconds of the server's CPU. */
const each = ({ server, seconds, deliveries }: Delivered) => (server * seconds * 1e6) / deliveries

const delivered = async (server: Server | Peer, clients: number, lasting: { seconds: number; warmUp: number }) => {
  await using load = new Load()
  const { grpc, token } = server
  await load.connect({ grpc, token, service: KEY, keys: [KEY], clients })
  return await propagate(server, load, lasting)
}

/** 10 publishes a second to clients on connections of their own. */
const deliveries = async (runs: number, clients: number, lasting: { seconds: number; warmUp: number }) => {
  await using lane = await herald("lane").start()
  await using grpcJs = await herald("grpc-js").start()
  await using net = await Peer.start("Net")
  return await repeat(runs, async () => ({
    lane: await delivered(lane, clients, lasting),
    "grpc-js": await delivered(grpcJs, clients, lasting),
    net: await delivered(net, clients, lasting)
  }))
}

/** One key, once a second, to many. */
const many = async (clients: number, lasting: { seconds: number; warmUp: number }) => {
  await using folder = await mkdtempDisposable(join(tmpdir(), "herald-bench-"))
  const socket = `${folder.path}/stall`
  await using server = await herald("lane", { HERALD_BENCH_SOCKET: socket }).start(probed)
  await using load = new Load()
  const { grpc, token } = server
  await load.connect({ grpc, token, service: KEY, keys: [KEY], clients, atOnce: 500 })
  await sleep(3_000)
  await askStall(socket)
  const seen = await propagate(server, load, { ...lasting, perSecond: 1 })
  const { stall } = await askStall(socket)
  return { ...seen, stall, wrong: [...seen.wrong, ...(seen.skipped > 0 ? [`${seen.skipped} versions skipped`] : [])] }
}

const KEYS = 20

/** All at once, to a server that has just started. */
const connecting = async (kind: Kind, clients: number) => {
  await using server = await herald(kind).start()
  const http = await server.connect()
  for (let n = 0; n < KEYS; n++) await http.publish(`${KEY}.${n}`, payload(0))
  http.close()
  await server.stop()
  await server.start()
  await using load = new Load()
  const before = cpuSeconds(server.pid)
  const { grpc, token } = server
  const took = await load.connect({ grpc, token, service: KEY, keys: [], clients })
  const { wrong } = await load.report()
  return { took, cpu: cpuSeconds(server.pid) - before, wrong }
}

const HEARTBEAT = "/herald.distribution.v1.DistributionService/Heartbeat"

const unary = async (kind: Kind, times: number) => {
  await using folder = await mkdtempDisposable(join(tmpdir(), "herald-bench-"))
  await using server = await herald(kind).start()
  const message = HeartbeatRequest.encode(
    HeartbeatRequest.fromPartial({ serviceName: KEY, instanceId: "i1", environment: "production" })
  ).finish()
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(message.length, 1)
  const what = {
    ...{ address: server.grpc, token: server.token, path: HEARTBEAT, folder: folder.path },
    body: Buffer.concat([prefix, message])
  }
  await calls({ ...what, times: times / 4 })
  const before = cpuSeconds(server.pid)
  const answered = await calls({ ...what, times })
  const wrong = answered === times ? [] : [`${times - answered} of ${times} calls were not answered`]
  return { rate: answered / (cpuSeconds(server.pid) - before), wrong }
}

const path = (from: string) => fileURLToPath(new URL(from, import.meta.url))

interface Looped {
  /** Events a second. */
  readonly rate: number
  /** Events a second of the server's CPU: of a machine that others use too, this says more. */
  readonly ofCpu: number
}

/** In a closed loop. */
const loop = async (program: string, kind: "lane" | "net", connections: number, millis: number): Promise<Looped> => {
  const flags = program === process.execPath ? [] : ["run", "-A"]
  const server = spawn(program, [...flags, path("load/Loop.ts"), kind, String(connections)], {
    stdio: ["pipe", "pipe", "inherit"]
  })
  try {
    const [port] = (await once(createInterface({ input: server.stdout }), "line")) as [string]
    const sink = fork(path("load/Sink.ts"), [port, String(connections)])
    const told = async (): Promise<Sunk> => {
      sink.send("tell")
      return ((await once(sink, "message")) as [Sunk])[0]
    }
    await sleep(millis / 2)
    await told()
    const before = cpuSeconds(server.pid!)
    await sleep(millis)
    const { bytes, seconds } = await told()
    const used = cpuSeconds(server.pid!) - before
    sink.disconnect()
    const events = (bytes / (MESSAGE + 14)) * EVENTS
    return { rate: events / seconds, ofCpu: events / used }
  } finally {
    server.kill()
  }
}

const loops = async (runs: number, connections: number, millis: number) =>
  await repeat(runs, async () => ({
    lane: await loop(process.execPath, "lane", connections, millis),
    net: await loop(process.execPath, "net", connections, millis),
    deno: await loop(path("../node_modules/.bin/deno"), "lane", connections, millis)
  }))

const inTurns = async <A>(runs: number, measure: (kind: Kind) => Promise<A>) =>
  await repeat(runs, async () => ({ lane: await measure("lane"), "grpc-js": await measure("grpc-js") }))

const measure = async ({ short: brief, runs }: Options): Promise<Report> => {
  const clients = brief ? 100 : 1_000
  const lasting = brief ? { seconds: 2, warmUp: 1 } : { seconds: 10, warmUp: 4 }
  const sent = await deliveries(runs, clients, lasting)
  const crowd = await many(brief ? 300 : 10_000, brief ? { seconds: 2, warmUp: 1 } : { seconds: 15, warmUp: 3 })
  const idle = brief ? [] : await inTurns(runs, (kind) => memoryOf(clients, { GRPC_SERVER: kind }))
  const connected = await inTurns(brief ? 0 : runs, (kind) => connecting(kind, clients))
  const answered = await inTurns(runs, (kind) => unary(kind, brief ? 2_000 : 40_000))
  const looped = await loops(runs, clients, brief ? 500 : 3_000)

  const row = (what: string, reach: string, unit: string, values: ReadonlyArray<number>): Row => ({
    ...{ what, reach, unit, values }
  })
  const of = (value: (seen: Delivered) => number, which: Kind | "net" = "lane") => sent.map((run) => value(run[which]))
  const ratio = (value: (seen: Delivered) => number) => sent.map((run) => value(run.lane) / value(run["grpc-js"]))
  const who = `${clients} clients, 10 publishes/s`
  const p50 = ({ each }: Seen) => each.p50
  const p99 = ({ each }: Seen) => each.p99
  const both = (value: (which: Kind | "net") => ReadonlyArray<number>) =>
    (["lane", "grpc-js", "net"] as const).map((which) => `${which} ${short(median(value(which)))}`).join(", ")
  return {
    rows: [
      row(`publish → applied, p50, ${who}, lane`, "< 15 ms", "ms", of(p50)),
      row(`publish → applied, p99, ${who}, lane`, "< 35 ms", "ms", of(p99)),
      row("… p50 of grpc-js's", "≤ 0.6", "", ratio(p50)),
      row("… p99 of grpc-js's", "≤ 0.6", "", ratio(p99)),
      row("CPU a delivery with ack, row and count, lane", "≤ 45 µs", "µs", of(each)),
      row("… of grpc-js's", "", "", ratio(each)),
      row(`${short(crowd.each.count / crowd.seconds)} deliveries/s of one key, p99, lane`, "", "ms", [crowd.each.p99]),
      row("… longest stall", "≤ 250 ms", "ms", [crowd.stall]),
      ...(idle.length === 0
        ? []
        : [
            row(
              "idle memory a client, lane",
              "≤ 12 KB",
              "KB",
              idle.map(({ lane }) => lane.each)
            ),
            row(
              "idle memory a client, grpc-js",
              "",
              "KB",
              idle.map((run) => run["grpc-js"].each)
            )
          ]),
      ...(connected.length === 0
        ? []
        : [
            row(
              `${clients} connect, snapshots of ${KEYS} keys, lane`,
              "≤ 1 s",
              "s",
              connected.map(({ lane }) => lane.took / 1_000)
            ),
            row(
              "… grpc-js",
              "",
              "s",
              connected.map((run) => run["grpc-js"].took / 1_000)
            ),
            row(
              "… CPU of the server, lane",
              "",
              "s",
              connected.map(({ lane }) => lane.cpu)
            )
          ]),
      row(
        "unary calls a CPU second, lane",
        "",
        "/s",
        answered.map(({ lane }) => lane.rate)
      ),
      row(
        "… of grpc-js's",
        "≥ 2.5",
        "",
        answered.map((run) => run.lane.rate / run["grpc-js"].rate)
      ),
      row(
        `closed loop, ${clients} connections, ${EVENTS} events a frame, lane`,
        "≥ 5M/s",
        "M/s",
        looped.map(({ lane }) => lane.rate / 1e6)
      ),
      row(
        "… of bare writes, a CPU second",
        "≥ 0.5",
        "",
        looped.map(({ lane, net }) => lane.ofCpu / net.ofCpu)
      ),
      row(
        "… Deno of Node, a CPU second",
        "≥ 0.9",
        "",
        looped.map(({ lane, deno }) => deno.ofCpu / lane.ofCpu)
      )
    ],
    notes: [
      `publish → applied, p50: ${both((which) => of(p50, which))} ms; p99: ${both((which) => of(p99, which))} ms; CPU a delivery: ${both((which) => of(each, which))} µs (net answers, checks and keeps nothing)`,
      `unary: Heartbeat, ${hasH2load() ? "h2load" : "a client of Node's"} with 8 connections of 16 streams`,
      "closed loop: a server and a sink alone, without Herald; windows that never close"
    ],
    wrong: [
      ...sent.flatMap((run) => [...run.lane.wrong, ...run["grpc-js"].wrong, ...run.net.wrong]),
      ...crowd.wrong,
      ...[...connected, ...answered].flatMap((run) => [...run.lane.wrong, ...run["grpc-js"].wrong])
    ]
  }
}

if (import.meta.main) await main("transport", measure)
