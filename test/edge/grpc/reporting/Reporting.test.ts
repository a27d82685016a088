/** herald.reporting.v1 at a door. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js"
import { Effect } from "effect"
import {
  ReportingServiceClient,
  type ReportRequest,
  type ReportResponse
} from "../../../../proto/generated/herald/reporting/v1/reporting.ts"
import { CurrentIdentity, system } from "../../../../src/access/Identity.ts"
import { Flags } from "../../../../src/flags/Flags.ts"
import { ITEMS } from "../../../../src/usage/Report.ts"
import { UsageStore } from "../../../../src/usage/UsageStore.ts"
import { Door } from "../../../support/Door.ts"

const UNIT = "ann@example.org"
let door: Door
let client: ReportingServiceClient
let names = 0

beforeAll(async () => {
  door = await Door.open()
  client = new ReportingServiceClient(door.address, credentials.createInsecure())
  for (const environment of ["production", "staging"])
    await door.run(
      Effect.flatMap(Flags, (flags) =>
        flags.publish({ environment, key: "a", definition: '{"enabled":true}' }, { message: "" })
      ).pipe(Effect.provideService(CurrentIdentity, system))
    )
})
afterAll(async () => {
  client.close()
  await door.close()
})

const report = (more: Partial<ReportRequest>, token = door.token) =>
  new Promise<ReportResponse | ServiceError>((resolve) => {
    const metadata = new Metadata()
    metadata.set("authorization", `Bearer ${token}`)
    const request = {
      ...{ batchId: `batch-grpc-${++names}`, environment: "", sdk: "go/1", evaluations: [], exposures: [], tracks: [] },
      ...more
    }
    client.report(request, metadata, (error, answer) => resolve(error ?? answer))
  })
const evaluation = (more: Partial<ReportRequest["evaluations"][number]> = {}) => ({
  ...{ flag: "a", variant: "on", version: 1, reason: "STATIC", errorCode: "", count: 5n, lastAtMs: 0n },
  ...more
})
const exposure = { flag: "a", variant: "on", version: 1, unit: UNIT, atMs: 0n }
const track = { name: "bought", unit: UNIT, value: 2.5, atMs: 0n, detailsJson: '{"plan":"pro"}' }
const store = <A>(use: (store: UsageStore["Service"]) => Effect.Effect<A, unknown>) =>
  door.run(Effect.flatMap(UsageStore, use))
const today = { from: 0, until: Date.now() + 86_400_000, limit: 10 }

describe("reports over gRPC", () => {
  it("UR1 a batch is written before it is answered, once however often it is sent", async () => {
    const batch = { batchId: "batch-twice", evaluations: [evaluation()], exposures: [exposure], tracks: [track] }
    const answers = [await report(batch), await report(batch)]
    const answer = { accepted: 3, refused: [], refusedCount: 0, overLimit: 0 }
    assert.deepStrictEqual(answers, [
      { ...answer, replayed: false },
      { ...answer, replayed: true }
    ])
    const [count] = await store((its) => its.counts("production", "a", { from: 0, limit: 10 }))
    assert.deepInclude(count, { count: 5, sdk: "go/1", door: "report", variant: "on", outcome: "STATIC" })
    const tracks = await store((its) => its.tracks("production", "bought", today))
    assert.deepInclude(tracks[0], { value: 2.5, details: { plan: "pro" } })
  })

  it("UR2 who it was is kept as a hash that fits exposures and tracks together, of this environment alone", async () => {
    await report({
      exposures: [exposure],
      tracks: [
        { ...track, name: "left" },
        { ...track, name: UNIT, unit: "" }
      ]
    })
    const [exposed] = await store((its) => its.exposures("production", "a", today))
    const [left] = await store((its) => its.tracks("production", "left", today))
    assert.match(exposed!.unit, /^[0-9a-f]{32}$/)
    assert.strictEqual(left!.unit, exposed!.unit)
    assert.notInclude(JSON.stringify([exposed, left]), UNIT)
    await report({ environment: "staging", tracks: [{ ...track, name: "left" }] })
    const [elsewhere] = await store((its) => its.tracks("staging", "left", today))
    assert.notStrictEqual(elsewhere!.unit, exposed!.unit)
  })

  it("UR1 what is wrong with an item is told with its place; bytes that are no report, or too many items, are refused", async () => {
    const answer = (await report({
      evaluations: [evaluation({ flag: "made-up" }), evaluation()],
      tracks: [
        { ...track, detailsJson: "{" },
        { ...track, detailsJson: "[]" }
      ]
    })) as ReportResponse
    assert.deepInclude(answer, { accepted: 1, refusedCount: 3 })
    assert.deepStrictEqual(
      answer.refused.map(({ field, index }) => `${field} ${index}`),
      ["evaluations 0", "tracks 0", "tracks 1"]
    )
    const many = Array.from({ length: ITEMS + 1 }, () => evaluation())
    const elsewhere = { environment: "made-up", tracks: [track] }
    for (const wrong of [{ evaluations: many }, { batchId: "" }, { environment: "no environment" }, elsewhere])
      assert.strictEqual(((await report(wrong)) as ServiceError).code, status.INVALID_ARGUMENT)
  })

  it("UR1 a key that only looks reports nothing", async () => {
    const viewer = await door.key("viewer")
    assert.strictEqual(((await report({}, viewer)) as ServiceError).code, status.PERMISSION_DENIED)
    assert.strictEqual(((await report({}, "no token")) as ServiceError).code, status.UNAUTHENTICATED)
  })

  it("UR1 whatever a field holds, the answer is the caller's to understand, and what counted before counts still", async () => {
    const most = 2n ** 63n - 1n
    const texts = [
      "",
      "\u0000",
      "\u001b[2J",
      "\u202e",
      "x".repeat(50_000),
      "é".repeat(300),
      "__proto__",
      "'; drop table flag_usage --"
    ]
    const times = [-most - 1n, -1n, most, BigInt(Number.MAX_SAFE_INTEGER)]
    const numbers = [Number.NaN, Number.POSITIVE_INFINITY, -Number.MAX_VALUE, Number.MIN_VALUE, -0]
    const details = ["null", "1", '"x"', "[".repeat(500), '{"a":1e999}', '{"__proto__":1}', '{"a":{"b":1}}', "\u0000"]
    const batches: ReadonlyArray<Partial<ReportRequest>> = [
      ...texts.flatMap((text) => [
        { batchId: text },
        { environment: text },
        { sdk: text, evaluations: [evaluation()] },
        {
          evaluations: [evaluation({ flag: text }), evaluation({ variant: text }), evaluation({ reason: text })],
          exposures: [
            { ...exposure, flag: text },
            { ...exposure, variant: text },
            { ...exposure, unit: text }
          ],
          tracks: [
            { ...track, name: text },
            { ...track, unit: text },
            { ...track, detailsJson: text }
          ]
        }
      ]),
      {
        evaluations: times.map((lastAtMs) => evaluation({ lastAtMs })),
        tracks: times.map((atMs) => ({ ...track, atMs }))
      },
      { evaluations: [0n, 2n ** 64n - 1n].map((count) => evaluation({ count })) },
      { exposures: [{ ...exposure, version: 2 ** 32 - 1 }] },
      { tracks: numbers.map((value) => ({ ...track, value })) },
      { tracks: details.map((detailsJson) => ({ ...track, detailsJson })) }
    ]
    for (const batch of batches) {
      const answer = await report(batch)
      if ("accepted" in answer) continue
      assert.include([status.INVALID_ARGUMENT, status.RESOURCE_EXHAUSTED], answer.code, JSON.stringify(answer.details))
    }
    assert.deepInclude(await report({ evaluations: [evaluation()] }), { accepted: 1, refusedCount: 0 })
  })
})
