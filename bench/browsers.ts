/**
 * From the moment a value should be published to the moment a client has it, by each door that a page may come by: 1,000 WebSockets of `/v1/stream` and 1,000
 * server-sent event streams, beside 1,000 gRPC clients, in turns in one run. One server, another process for the clients; each client on a connection of
 * its own, 10 publishes a second. Each run begins with another door.
 */
import type { Door, Seen } from "./load/Crowd.ts"
import { Load } from "./load/Load.ts"
import { propagate } from "./propagation.ts"
import { short } from "./support/Numbers.ts"
import { cpuSeconds, residentBytes } from "./support/Process.ts"
import { main, type Options, type Report, type Row, repeat } from "./support/Report.ts"
import { Server } from "./support/Server.ts"

const KEY = "bench"
const DOORS = ["grpc", "websocket", "events"] as const satisfies ReadonlyArray<Door>

interface Measured extends Seen {
  /** Share of one core. */
  readonly server: number
  /** Milliseconds until all were there; of the server's CPU, one client's. */
  readonly connected: number
  readonly opening: number
  readonly resident: number
}

const measure = async ({ short: brief, runs }: Options): Promise<Report> => {
  const clients = brief ? 200 : 1_000
  const lasting = brief ? { seconds: 2, warmUp: 1 } : { seconds: 15, warmUp: 5 }
  await using server = await new Server({ HTTP_MAX_SOCKETS: "20000", FEEDS_MAX: "20000" }).start()
  const { grpc, http, token } = server

  const once = async (door: Door): Promise<Measured> => {
    await using load = new Load()
    const before = cpuSeconds(server.pid)
    const connected = await load.connect({ door, grpc, http, token, service: KEY, keys: [KEY], clients, atOnce: 100 })
    const opening = ((cpuSeconds(server.pid) - before) * 1_000) / clients
    return { ...(await propagate(server, load, lasting)), connected, opening, resident: residentBytes(server.pid) }
  }
  const all = await repeat(runs, async (run) => {
    const found = {} as Record<Door, Measured>
    for (let turn = 0; turn < DOORS.length; turn++) {
      const door = DOORS[(run + turn) % DOORS.length]!
      found[door] = await once(door)
    }
    return found
  })

  const row = (what: string, reach: string, unit: string, of: (each: Record<Door, Measured>) => number): Row => ({
    ...{ what, reach, unit, values: all.map(of) }
  })
  const names: Readonly<Record<Door, string>> = {
    grpc: "gRPC",
    websocket: "WebSocket /v1/stream, JSON",
    events: "SSE /v1/events"
  }
  const rows = DOORS.flatMap((door) => [
    row(`${clients} clients by ${names[door]}: publish → applied, p50`, "", "ms", (each) => each[door].each.p50),
    row("… p99", "", "ms", (each) => each[door].each.p99),
    row("… at the last client, p99", "", "ms", (each) => each[door].last.p99),
    ...(door === "websocket"
      ? [
          row(
            "… p99, of gRPC's in the same run",
            "≤ 1 ×",
            "×",
            ({ websocket, grpc }) => websocket.each.p99 / grpc.each.p99
          )
        ]
      : []),
    row(
      "… CPU of the server for each delivery",
      "",
      "µs",
      ({ [door]: seen }) => (seen.server * seen.seconds * 1e6) / seen.deliveries
    ),
    row("… CPU of the server to open one", "", "ms", (each) => each[door].opening)
  ])
  const share = (door: Door, of: (seen: Measured) => number) =>
    all.map((each) => `${short(of(each[door]) * 100)} %`).join(", ")
  return {
    rows,
    notes: DOORS.map(
      (door) =>
        `${names[door]}: CPU of a core: server ${share(door, ({ server }) => server)}, clients ${share(door, ({ cpu }) => cpu)}; all there after ${all.map((each) => short(each[door].connected)).join(", ")} ms; ${all.map((each) => short(each[door].each.count)).join(", ")} deliveries timed, ${all.map((each) => each[door].skipped).join(", ")} conflated; resident ${all.map((each) => short(each[door].resident / 1e6)).join(", ")} MB`
    ),
    wrong: all.flatMap((each) => DOORS.flatMap((door) => each[door].wrong.map((wrong) => `${names[door]}: ${wrong}`)))
  }
}

if (import.meta.main) await main("browsers", measure)
