/**
 * Evaluations on the server, of a rule with a list, a version, a suffix and a bucket: over OFREP and over flagd.evaluation.v2, 32 connections that each
 * wait for their answer; and a change of a flag until the last of 500 streams of flagd.sync.v1 has it, 100 flags beside it.
 *
 *   node bench/evaluations.ts        --short: a second each, 50 streams
 */
import { credentials, Metadata } from "@grpc/grpc-js"
import { ServiceClient } from "../proto/generated/flagd/evaluation/v2/evaluation.ts"
import { FlagSyncServiceClient } from "../proto/generated/flagd/sync/v1/sync.ts"
import { short as shortly, spreadOf } from "./support/Numbers.ts"
import { nanos } from "./support/Pace.ts"
import { cpuSeconds } from "./support/Process.ts"
import { main, type Options, type Report, repeat } from "./support/Report.ts"
import { Server } from "./support/Server.ts"

const CONNECTIONS = 32
const OTHERS = 100
const CHANGES = 20

const rule = {
  if: [
    {
      and: [
        { in: [{ var: "country" }, ["de", "at", "ch"]] },
        { sem_ver: [{ var: "version" }, ">=", "1.2.0"] },
        { ends_with: [{ var: "email" }, "@example.com"] }
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
}
const flag = (targeting: unknown) => ({
  state: "ENABLED",
  variants: { on: true, off: false },
  defaultVariant: "off",
  targeting
})
const contextOf = (n: number) => ({
  targetingKey: `user-${n}`,
  country: ["de", "at", "fr"][n % 3],
  version: `1.${n % 5}.0`,
  email: `user${n}@example.com`,
  age: n % 90,
  plan: "pro"
})

const measure = async ({ short, runs }: Options): Promise<Report> => {
  const [seconds, streams] = short ? [1, 50] : [8, 500]
  const wrong: Array<string> = []
  await using server = await new Server().start()
  const http = await Promise.all(Array.from({ length: CONNECTIONS }, () => server.connect()))
  const put = async (name: string, value: unknown) => {
    const body = JSON.stringify({ value })
    const { status, body: said } = await http[0]!.request("PUT", `/v1/flags/${name}?environment=production`, body)
    if (status !== 200) throw new Error(`the flag ${name} was answered ${status}: ${said}`)
  }
  await put("ruled", flag(rule))
  for (let n = 0; n < OTHERS; n++) await put(`other-${n}`, flag({ if: [{ "==": [{ var: "plan" }, `p${n}`] }, "on"] }))

  const metadata = new Metadata()
  metadata.set("authorization", `Bearer ${server.token}`)
  const address = server.grpc
  const grpc = Array.from(
    { length: CONNECTIONS },
    (_, n) =>
      new ServiceClient(address, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1, n } as never)
  )
  const overHttp = async (connection: number, n: number) => {
    const { status, body } = await http[connection]!.request(
      "POST",
      "/ofrep/v1/evaluate/flags/ruled",
      JSON.stringify({ context: contextOf(n) })
    )
    if (status !== 200 || !body.includes("variant")) wrong.push(`OFREP was answered ${status}: ${body}`)
  }
  const overGrpc = (connection: number, n: number) =>
    new Promise<void>((resolve) => {
      grpc[connection]!.resolveBoolean({ flagKey: "ruled", context: contextOf(n) }, metadata, (error, answer) => {
        if (error !== null || answer.variant === undefined) wrong.push(`gRPC was answered ${error?.message}`)
        resolve()
      })
    })

  const load = async (ask: (connection: number, n: number) => Promise<void>, lasting: number) => {
    const took: Array<number> = []
    const [its, start] = [cpuSeconds(server.pid), nanos()]
    const end = start + lasting * 1e9
    await Promise.all(
      Array.from({ length: CONNECTIONS }, async (_, connection) => {
        for (let n = connection; nanos() < end; n += CONNECTIONS) {
          const at = nanos()
          await ask(connection, n)
          took.push((nanos() - at) / 1e6)
        }
      })
    )
    const lasted = (nanos() - start) / 1e9
    return { ...spreadOf(took), rate: took.length / lasted, perCpu: took.length / (cpuSeconds(server.pid) - its) }
  }

  const rows: Array<Report["rows"][number]> = []
  for (const [what, ask] of [
    ["OFREP", overHttp],
    ["flagd.evaluation.v2", overGrpc]
  ] as const) {
    await load(ask, short ? 1 : 4)
    const found = await repeat(runs, () => load(ask, seconds))
    const row = (name: string, reach: string, unit: string, values: ReadonlyArray<number>) =>
      rows.push({ what: `${what}, ${name}`, reach, unit, values })
    row(
      "evaluations, 32 connections",
      "≥ 8,000",
      "/s",
      found.map(({ rate }) => rate)
    )
    row(
      "evaluations a CPU second of the server",
      "",
      "/s",
      found.map(({ perCpu }) => perCpu)
    )
    row(
      "p99",
      "< 10",
      "ms",
      found.map(({ p99 }) => p99)
    )
  }

  const clients = Array.from(
    { length: 10 },
    (_, n) =>
      new FlagSyncServiceClient(address, credentials.createInsecure(), {
        "grpc.use_local_subchannel_pool": 1,
        n
      } as never)
  )
  const seen = new Array<string>(streams).fill("")
  let arrived: (() => void) | undefined
  const calls = seen.map((_, n) =>
    clients[n % clients.length]!.syncFlags({ providerId: "", selector: "" }, metadata)
      .on("data", ({ flagConfiguration }: { readonly flagConfiguration: string }) => {
        seen[n] = flagConfiguration
        arrived?.()
      })
      .on("error", () => {})
  )
  const all = (has: (document: string) => boolean) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (!seen.every(has)) return
        arrived = undefined
        resolve()
      }
      arrived = look
      look()
    })
  await all((document) => document !== "")
  let turn = 0
  const fanOut = async () => {
    const took: Array<number> = []
    for (let n = 0; n < (short ? 3 : CHANGES); n++) {
      const mark = `"m":${++turn}`
      const at = nanos()
      await Promise.all([
        put("changing", { ...flag(undefined), targeting: {}, metadata: { m: turn } }),
        all((document) => document.includes(mark))
      ])
      took.push((nanos() - at) / 1e6)
    }
    return spreadOf(took)
  }
  await fanOut()
  const found = await repeat(runs, fanOut)
  rows.push({
    what: `publish of a flag → the last of ${streams} streams of flagd.sync.v1, p50`,
    reach: "< 200",
    unit: "ms",
    values: found.map(({ p50 }) => p50)
  })
  for (const call of calls) call.cancel()
  for (const client of [...clients, ...grpc]) client.close()
  for (const connection of http) connection.close()
  return {
    rows,
    notes: [
      `answers of one process of load, which shares the processors with the server; ${shortly(OTHERS)} flags beside`
    ],
    wrong
  }
}

if (import.meta.main) await main("evaluations", measure)
