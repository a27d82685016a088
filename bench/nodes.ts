/** From a publish at one node to the value at clients of another, against clients of the same node. The lane between nodes is NOTIFY. */
import { Nodes } from "../test/support/Nodes.ts"
import { Load } from "./load/Load.ts"
import { propagate } from "./propagation.ts"
import { Http } from "./support/Http.ts"
import { main, type Options, type Report, repeat } from "./support/Report.ts"

const KEY = "bench"

const measure = async ({ short: brief, runs }: Options): Promise<Report> => {
  await using nodes = await Nodes.start({ count: 2, env: { LOG_LEVEL: "warn" } })
  const [one, other] = [nodes.servers[0]!, nodes.servers[1]!]
  const publisher = { connect: () => Http.connect(one.http, nodes.token), pid: one.pid }
  const lasting = brief ? { seconds: 2, warmUp: 1 } : { seconds: 20, warmUp: 5 }
  const at = ({ grpc }: typeof one, clients: number) =>
    repeat(runs, async () => {
      await using load = new Load()
      await load.connect({ service: KEY, keys: [KEY], clients, grpc, token: nodes.token })
      return await propagate(publisher, load, lasting)
    })
  const rows: Array<Report["rows"][number]> = []
  const wrong: Array<string> = []
  for (const [clients, reach] of [
    [100, "< 25 ms"],
    [1_000, "< 150 ms"]
  ] as const) {
    for (const [where, server] of [
      ["the same node", one],
      ["another node, NOTIFY", other]
    ] as const) {
      const seen = await at(server, clients)
      const what = `publish → applied at ${clients} clients of ${where}`
      rows.push({ what: `${what}, p50`, reach: "", unit: "ms", values: seen.map(({ each }) => each.p50) })
      rows.push({ what: `${what}, p99`, reach, unit: "ms", values: seen.map(({ each }) => each.p99) })
      wrong.push(...seen.flatMap((run) => run.wrong))
    }
  }
  return { rows, notes: ["both nodes, the database and the load share this machine"], wrong }
}

if (import.meta.main) await main("nodes", measure)
