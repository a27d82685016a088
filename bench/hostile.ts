/**
 * The lane under those who behave and those who don't, for long: `node bench/hostile.ts --minutes 10`. Fifty streams echo messages, and one of
 * them goes and a new one comes all the while; beside them every attack of the tests, one after the other, each on a connection of its own.
 *
 * It fails when anyone who behaves is failed, when the server meets a fault of its own, and for what those who went have left behind: a
 * connection, a call, a timer, memory. Never for a figure that time decides.
 */
import { connect as dial } from "node:net"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { type Client, credentials, makeGenericClientConstructor } from "@grpc/grpc-js"
import { Flag, frame, PREFACE, settingsFrame, Type } from "../layers/Grpc/lane/Frames.ts"
import type { Attack } from "../test/layers/Grpc/lane/hostile/Bytes.ts"
import { attacks as calls } from "../test/layers/Grpc/lane/hostile/Calls.ts"
import { attacks as floods } from "../test/layers/Grpc/lane/hostile/Floods.ts"
import { type Any, definition, handlers, makeServer } from "../test/layers/Grpc/lane/Serving.ts"
import { until } from "../test/support/turn.ts"
import { main, type Options, type Report, readOptions } from "./support/Report.ts"
import { table } from "./support/Table.ts"

const STREAMS = 50
/** Bytes of an attack: enough to reach its bound. */
const ENOUGH = 2_000_000
/** Bytes that may be held at the end beside what was at the beginning, and timers of clients. */
const GROWN = 24 * 2 ** 20
const TIMERS = 8

const options = readOptions({ minutes: "10" })
type HostileOptions = Options & { readonly own: { readonly minutes: string } }

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void
const memory = () => {
  collect()
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length

/** Connects, attacks, and stays as long as the server lets it, but for half a second at most. */
const attack = async (port: number, { before = [], unit, times, settings = [], reads, unacknowledged }: Attack) => {
  const socket = dial(port, "127.0.0.1")
  let closed = false
  socket.on("error", () => {})
  socket.on("close", () => {
    closed = true
  })
  if (reads !== false) socket.resume()
  const write = async (bytes: Buffer) => {
    if (!closed && !socket.write(bytes)) await until(() => closed || !socket.writableNeedDrain || reads === false)
  }
  await write(Buffer.concat([PREFACE, settingsFrame(settings)]))
  if (unacknowledged !== true) await write(frame(Type.SETTINGS, Flag.ACK, 0, 0))
  for (const bytes of before) await write(bytes)
  for (let n = 0, sent = 0; n < times && sent < ENOUGH && !closed; n++) {
    const bytes = unit(n)
    sent += bytes.length
    await write(bytes)
  }
  await new Promise((resolve) => setTimeout(resolve, closed ? 0 : 500))
  socket.destroy()
}

/** One who behaves: echoes until it is asked to go, and says whether all went well. */
const echo = (client: Client & Record<string, Any>) => {
  const call = client["talk"]()
  let [sent, got, failed, over] = [0, 0, "", false]
  call.on("data", () => got++)
  call.on("error", (error: Error) => {
    failed = error.message
  })
  call.on("status", () => {
    over = true
  })
  const timer = setInterval(() => {
    sent++
    call.write(Buffer.alloc(200))
  }, 20)
  return async () => {
    clearInterval(timer)
    call.end()
    await until(() => over)
    return { echoed: got, wrong: failed !== "" ? failed : got === sent ? "" : `${got} of ${sent} came back` }
  }
}

const measure = async ({ short: brief, own }: HostileOptions): Promise<Report> => {
  const minutes = brief ? 0.25 : Number(own.minutes)
  if (!(minutes > 0)) throw new Error("--minutes: a number above 0")
  const defects: Array<unknown> = []
  const open = new Set<object>()
  const refused = new Map<string, number>()
  const sum = (call: Any) => {
    open.add(call)
    call.on("error", () => {})
    call.on("close", () => open.delete(call))
  }
  const server = makeServer(
    {
      defect: (error) => defects.push(error),
      refuse: (reason) => refused.set(reason, (refused.get(reason) ?? 0) + 1),
      isStranger: (_, code) => code === 12
    },
    { ...handlers, sum }
  )
  const port = await server.listen("127.0.0.1", 0)
  const Make = makeGenericClientConstructor(definition as Any, "B")
  const dialled = () => new Make(`127.0.0.1:${port}`, credentials.createInsecure()) as Client & Record<string, Any>
  const clients = Array.from({ length: 5 }, dialled)
  const all = Object.values({ ...floods, ...calls })
  const streams: Array<ReturnType<typeof echo>> = []
  let [churned, attacked, echoed] = [0, 0, 0]
  const wrong: Array<string> = []
  const leave = async (stream: ReturnType<typeof echo> | undefined) => {
    const ended = await stream?.()
    echoed += ended?.echoed ?? 0
    if (ended !== undefined && ended.wrong !== "") wrong.push(`one who behaves was failed: ${ended.wrong}`)
  }
  const rows: Array<ReadonlyArray<string>> = []
  let began: { readonly bytes: number; readonly timers: number } | undefined
  const start = performance.now()
  let next = 0
  while (performance.now() - start < minutes * 60_000) {
    while (streams.length < STREAMS) streams.push(echo(clients[churned++ % clients.length]!))
    await attack(port, all[attacked++ % all.length]!)
    await leave(streams.shift())
    if (attacked === all.length || (attacked > all.length && performance.now() > next)) {
      next = performance.now() + 30_000
      const bytes = memory()
      began ??= { bytes, timers: timers() }
      rows.push([
        ((performance.now() - start) / 60_000).toFixed(1),
        ...[(bytes / 2 ** 20).toFixed(1), String(timers()), String(server.connections), String(open.size)],
        ...[String(attacked), String(churned), String(echoed)]
      ])
    }
  }
  while (streams.length > 0) await leave(streams.shift())
  for (const client of clients) client.close()
  await until(() => server.connections === 0 || performance.now() - start > minutes * 60_000 + 30_000)
  const bytes = memory()
  const left = { connections: server.connections, calls: open.size, timers: timers() }
  server.destroy()
  if (began === undefined) wrong.push("it was too short for one of each attack")
  else {
    if (bytes - began.bytes > GROWN) wrong.push(`memory grew by ${bytes - began.bytes} bytes`)
    if (left.timers > began.timers + TIMERS) wrong.push(`timers went from ${began.timers} to ${left.timers}`)
  }
  if (left.connections > 0 || left.calls > 0)
    wrong.push(`${left.connections} connections and ${left.calls} calls are left`)
  for (const defect of defects.slice(0, 3)) wrong.push(`a fault of the server: ${String(defect)}`)
  const head = ["minute", "memory MB", "timers", "connections", "open calls", "attacks", "streams", "echoes"]
  process.stdout.write(`\n${table(head, rows, options.markdown)}\n`)
  const row = (what: string, unit: string, value: number) => ({ what, reach: "", unit, values: [value] })
  return {
    rows: [
      row("attacks", "", attacked),
      row("memory at the end, less that after one of each attack", "MB", (bytes - (began?.bytes ?? bytes)) / 2 ** 20),
      row("connections, calls and timers at the end", "", left.connections + left.calls + left.timers)
    ],
    notes: [
      `${minutes} minutes, ${all.length} attacks in turns, ${churned} streams came and ${echoed} messages were echoed`,
      `refused: ${[...refused].map(([reason, times]) => `${reason} ${times}`).join(", ")}`
    ],
    wrong: wrong.slice(0, 10)
  }
}

if (import.meta.main) await main("hostile", measure, options)
