/** From the moment a value should be published to the moment a client has it: 1,000 clients, each on a connection of its own, 10 publishes/s. */
import type { Seen } from "./load/Crowd.ts"
import { Load } from "./load/Load.ts"
import { Peer } from "./load/Peer.ts"
import { type Spread, short, spreadOf } from "./support/Numbers.ts"
import { nanos, openLoop } from "./support/Pace.ts"
import { payload } from "./support/Payload.ts"
import { cpuSeconds } from "./support/Process.ts"
import { main, type Options, type Report, repeat } from "./support/Report.ts"
import { Server } from "./support/Server.ts"

const PER_SECOND = 10
const KEY = "bench"

interface Measured extends Seen {
  /** Share of one core. */
  readonly server: number
  /** Milliseconds until the publisher had its answer. */
  readonly answered: Spread
}

/** Server and peer alike: publishes at a fixed rate and waits until every client has the last. */
export const propagate = async (
  server: Pick<Server, "connect" | "pid">,
  load: Load,
  { seconds, warmUp, perSecond = PER_SECOND }: { seconds: number; warmUp: number; perSecond?: number }
): Promise<Measured> => {
  const http = await server.connect()
  const wrong: Array<string> = []
  let answered: Array<number> = []
  let newest = 0
  const publish = async (_: number, at: number) => {
    try {
      newest = Math.max(newest, await http.publish(KEY, payload(at)))
      answered.push((nanos() - at) / 1e6)
    } catch (error) {
      wrong.push((error as Error).message)
    }
  }
  await openLoop(perSecond, perSecond * warmUp, publish)
  wrong.push(...(await load.reached({ [KEY]: newest })))
  await load.measure()
  answered = []
  const before = cpuSeconds(server.pid)
  await openLoop(perSecond, perSecond * seconds, publish)
  wrong.push(...(await load.reached({ [KEY]: newest })))
  const seen = await load.report()
  http.close()
  return {
    ...seen,
    wrong: [...wrong, ...seen.wrong],
    answered: spreadOf(answered),
    server: (cpuSeconds(server.pid) - before) / seen.seconds
  }
}

const measure = async ({ short: brief, runs }: Options): Promise<Report> => {
  const clients = brief ? 200 : 1_000
  const lasting = brief ? { seconds: 2, warmUp: 1 } : { seconds: 20, warmUp: 5 }
  const subscribe = { service: KEY, keys: [KEY], clients }
  await using server = await new Server().start()
  const ours = await repeat(runs, async () => {
    await using load = new Load()
    await load.connect({ ...subscribe, grpc: server.grpc, token: server.token })
    return await propagate(server, load, lasting)
  })
  await server.stop()
  await using peer = await Peer.start()
  const bare = await repeat(runs, async () => {
    await using load = new Load()
    await load.connect({ ...subscribe, grpc: peer.grpc, token: peer.token })
    return await propagate(peer, load, lasting)
  })
  const who = `${clients} clients, ${PER_SECOND} publishes/s`
  const row = (what: string, reach: string, from: ReadonlyArray<Measured>, of: (seen: Measured) => number) => ({
    what: `${what}, ${who}`,
    reach,
    unit: "ms",
    values: from.map(of)
  })
  const share = (from: ReadonlyArray<Measured>, of: (seen: Measured) => number) =>
    from.map((seen) => `${short(of(seen) * 100)} %`).join(", ")
  return {
    rows: [
      row("publish → applied, p50", "< 15 ms", ours, ({ each }) => each.p50),
      row("publish → applied, p99", "< 40 ms", ours, ({ each }) => each.p99),
      row("publish → applied at the last client, p50", "", ours, ({ last }) => last.p50),
      row("publish → applied at the last client, p99", "", ours, ({ last }) => last.p99),
      row("bare grpc-js: sent → applied, p50", "peer", bare, ({ each }) => each.p50),
      row("bare grpc-js: sent → applied, p99", "peer", bare, ({ each }) => each.p99)
    ],
    notes: [
      `the publisher had its answer after, p50: ${ours.map(({ answered }) => short(answered.p50)).join(", ")} ms; bare grpc-js: ${bare.map(({ answered }) => short(answered.p50)).join(", ")} ms`,
      `CPU of a core: server ${share(ours, ({ server }) => server)}; load client ${share(ours, ({ cpu }) => cpu)}; bare grpc-js ${share(bare, ({ server }) => server)}, its load client ${share(bare, ({ cpu }) => cpu)}`,
      `${ours.map(({ each }) => short(each.count)).join(", ")} deliveries timed a run; versions conflated for a slow client: ${ours.map(({ skipped }) => skipped).join(", ")}`
    ],
    wrong: [...ours, ...bare].flatMap(({ wrong }) => wrong)
  }
}

if (import.meta.main) await main("propagation", measure)
