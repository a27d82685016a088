/** Every parameter and field of the OpenAPI document, with values at and beyond every edge, on a real database: never a 5xx, never its text. */
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import {
  Health,
  HeartbeatRequest,
  ReportHealthRequest,
  SubscribeRequest
} from "../../proto/generated/herald/distribution/v1/distribution.ts"
import { Client, type Door, frame, raw } from "../support/Door.ts"
import { right, rightBodies } from "../support/RightValues.ts"
import { type Server, startServer } from "../support/Server.ts"
import { SERVICE } from "../support/Stranger.ts"
import { waitUntil } from "../support/waitUntil.ts"

interface Schema {
  readonly $ref?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
}
interface Parameter {
  readonly name: string
  readonly in: "path" | "query" | "header"
  readonly required?: boolean
}
interface Operation {
  readonly parameters?: ReadonlyArray<Parameter>
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> }
}
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> }
}

const long = "x".repeat(5_000)
const texts = [
  ...["", " ", "\u0000", "a\u0000b", "\u001b[31m", "\u0085", "\u202e", "\ufffe", "%00", "%zz", "..", "../..", "/"],
  ...["'", '"', "\\", "';--", "__proto__", "constructor", "toString", "NaN"],
  ...["null", "undefined", "*", ".*", "😀", long],
  ...["-1", "0", "1", "2147483647", "2147483648", "-2147483649", "9007199254740991", "9007199254740993"],
  ...["9223372036854775807", "9223372036854775808", "1e300", "-1e300", "1e400", "1.5", "0x10", "Infinity"]
]
/** As JSON text: JavaScript writes some of them otherwise. */
const values = [
  ...texts.filter((text) => text !== long).map((text) => JSON.stringify(text)),
  ...["null", "true", "[]", "{}", "[[]]", '"\\ud800"', "-1", "0", "2147483647", "2147483648", "9007199254740991"],
  ...["9007199254740993", "9223372036854775808", "1e300", "-1e300", "1e400", "1.5", "1e-300", '{"a":"\\u0000"}'],
  JSON.stringify(long)
]

let server: Server
let document: Document
beforeAll(async () => {
  server = await startServer({ LIMIT_REQUESTS_PER_SECOND: "1000000", LIMIT_BURST: "1000000" })
  assert.strictEqual((await server.publish("svc", "1", { type: "string" })).status, 200)
  const flag = JSON.stringify({ value: { enabled: true } })
  assert.strictEqual((await server.call("PUT", "/v1/flags/flg?environment=production", flag)).status, 200)
  const whole: Document = (await server.call("GET", "/openapi.json")).body
  const { "/v1/events": _, "/ofrep/v1/events": __, ...paths } = whole.paths
  document = { ...whole, paths } // they have no end: Feeds.test.ts, flags/Refetches.test.ts
})
afterAll(() => server[Symbol.asyncDispose]())

const urlOf = (path: string, parameters: ReadonlyArray<Parameter>, wrong: Readonly<Record<string, string>>) => {
  const query = parameters
    .filter((one) => one.in === "query" && (one.required === true || one.name in wrong))
    .map(({ name }) => `${name}=${encodeURIComponent(wrong[name] ?? right[name] ?? "1")}`)
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(wrong[name] ?? right[name] ?? "1")
  )
  return query.length === 0 ? filled : `${filled}?${query.join("&")}`
}

/** PostgreSQL, its driver, and SQL. */
const DATABASE =
  /postgres|\bsql\b|syntax|relation "|column "|invalid input|out of range for type|byte sequence|SQLSTATE/i
const faults: Array<string> = []
const fire = async (method: string, url: string, body?: string, headers: Record<string, string> = {}) => {
  const what = `${method.toUpperCase()} ${url.slice(0, 200)} ${(body ?? "").slice(0, 200)} ${JSON.stringify(headers).slice(0, 100)}`
  try {
    const answer = await server.call(method.toUpperCase(), url, body, headers)
    const text = JSON.stringify(answer.body)
    if (answer.status >= 500) faults.push(`${answer.status} ${what}: ${text.slice(0, 300)}`)
    // Where a topic's log may be is no text of the database.
    else if (
      answer.status >= 400 &&
      DATABASE.test(String(answer.body?.detail ?? "").replace('"postgres" | "ephemeral" | "kafka"', ""))
    )
      faults.push(`text ${what}: ${text}`)
  } catch (error) {
    // fetch itself refuses some headers
    if (!(error instanceof TypeError) || Object.keys(headers).length === 0) faults.push(`${what}: ${String(error)}`)
  }
}

const operations = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation }))
  )
const resolved = (schema: Schema): Schema =>
  schema.$ref === undefined ? schema : document.components.schemas[schema.$ref.split("/").at(-1)!]!

describe("values at the edge", () => {
  it("O2 no parameter of any route brings a 5xx or a text of the database", async () => {
    faults.length = 0
    let fired = 0
    for (const { path, method, operation } of operations()) {
      const parameters = operation.parameters ?? []
      const body =
        rightBodies[path] === undefined || method === "get" || method === "delete"
          ? undefined
          : JSON.stringify(rightBodies[path])
      for (const { name, in: where } of [...parameters, { name: "unknown", in: "query" as const }]) {
        const wrong = texts.map((text) => () => {
          fired++
          return where === "header"
            ? fire(method, urlOf(path, parameters, {}), body, { [name]: text })
            : fire(method, urlOf(path, parameters, { [name]: text }), body)
        })
        for (let i = 0; i < wrong.length; i += 10) await Promise.all(wrong.slice(i, i + 10).map((go) => go()))
      }
      // Percent-encoded bytes that are no UTF-8, and NUL, straight in the path and query.
      for (const odd of ["%00", "%ff", "%c0%80", "%"])
        await fire(method, `${path.replaceAll(/\{\w+\}/g, odd)}?environment=${odd}`, body)
    }
    for (const name of ["__proto__", "a".repeat(3_000), "\u0000"])
      await fire("get", `/v1/config/svc/explain?environment=production&label.${encodeURIComponent(name)}=%00`)

    assert.deepStrictEqual(faults, [])
    assert.isAbove(fired, 1_000)
  })

  it("O2 no field of any body does", async () => {
    faults.length = 0
    let fired = 0
    for (const { path, method, operation } of operations()) {
      const whole = rightBodies[path]
      const schema = operation.requestBody?.content["application/json"]?.schema
      if (schema === undefined) continue
      assert.isDefined(whole, `a right body for ${path}`)
      const url = urlOf(path, operation.parameters ?? [], {})
      const write = (field: string, value: string, into: Readonly<Record<string, unknown>>) =>
        `{${[
          ...Object.entries(into)
            .filter(([name]) => name !== field)
            .map(([name, one]) => `${JSON.stringify(name)}:${JSON.stringify(one)}`),
          `${JSON.stringify(field)}:${value}`
        ].join(",")}}`
      const bodies: Array<string> = [...values]
      for (const [field, { items }] of Object.entries(resolved(schema).properties ?? {})) {
        for (const value of values) bodies.push(write(field, value, whole!))
        if (items === undefined) continue
        for (const value of values) bodies.push(write(field, `[${value}]`, whole!))
        const [first] = (whole![field] ?? []) as ReadonlyArray<unknown>
        if (typeof first === "object" && first !== null)
          for (const inner of Object.keys(resolved(items).properties ?? {}))
            for (const value of values)
              bodies.push(write(field, `[${write(inner, value, first as Record<string, unknown>)}]`, whole!))
      }
      fired += bodies.length
      for (let i = 0; i < bodies.length; i += 10)
        await Promise.all(bodies.slice(i, i + 10).map((body) => fire(method, url, body)))
    }

    assert.deepStrictEqual(faults, [])
    assert.isAbove(fired, 500)
  })

  it("O2 no field of any gRPC message does, and what is stored of them can be read", async () => {
    const door = { address: server.grpc, token: server.token } as unknown as Door
    const numbers = [0n, 1n, 2n ** 31n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n]
    const bytes = [Buffer.alloc(0), Buffer.alloc(32), Buffer.from([0xff, 0xfe]), Buffer.alloc(5_000)]
    const who = { serviceName: "edge", instanceId: "i", environment: "production" }
    const ack = { key: "svc", revision: 1n, outcome: 2, reason: "", epoch: "" }
    const held = { key: "svc", digest: "", revision: 1n, sha256: Buffer.alloc(0) }
    const subscribe = (more: Partial<SubscribeRequest>) =>
      SubscribeRequest.fromPartial({ ...who, keys: ["svc"], control: true, ...more })
    const first: Array<SubscribeRequest> = [
      ...texts.flatMap((text) => [
        ...[
          { serviceName: text },
          { instanceId: text },
          { environment: text },
          { keys: [text] },
          { metadata: { [text]: text } }
        ],
        ...[
          { position: { epoch: text, revision: 1n } },
          { held: [{ ...held, key: text }] },
          { held: [{ ...held, digest: text }] }
        ]
      ]),
      ...numbers.flatMap((n) => [
        { position: { epoch: "e", revision: n } },
        { version: BigInt.asIntN(64, n) },
        { held: [{ ...held, revision: n }] }
      ]),
      ...bytes.map((sha256) => ({ held: [{ ...held, sha256 }] }))
    ].map(subscribe)
    const later: Array<SubscribeRequest> = [
      ...texts.flatMap((text) => [
        { acks: [{ ...ack, key: text }] },
        { acks: [{ ...ack, reason: text }] },
        { acks: [{ ...ack, epoch: text }] }
      ]),
      ...numbers.map((revision) => ({ acks: [{ ...ack, revision }] })),
      ...[-1, 0, 3, 2_147_483_647].map((outcome) => ({ acks: [{ ...ack, outcome }] }))
    ].map((more) => SubscribeRequest.fromPartial(more as Partial<SubscribeRequest>))
    const report = (more: Partial<ReportHealthRequest>) =>
      ReportHealthRequest.fromPartial({
        ...who,
        instanceId: "reports",
        revision: 1n,
        health: Health.HEALTH_HEALTHY,
        ...more
      })
    const reports = [
      ...texts.flatMap((text) => [
        { message: text },
        { metrics: { [text]: 1 } },
        { epoch: text },
        { serviceName: text }
      ]),
      ...numbers.map((revision) => ({ revision })),
      ...[Number.NaN, Infinity, -Infinity, 1e300, -1e300, 5e-324].map((value) => ({ metrics: { m: value } })),
      ...[-1, 0, 4, 2_147_483_647].map((health) => ({ health: health as Health }))
    ].map(report)
    // Health is told of who is connected; the others are thrown out by each other all the time.
    using client = new Client(door, { ...who, instanceId: "reports" })
    await waitUntil("the one that reports to be connected", () => client.got.length > 0)
    const hello = frame(SubscribeRequest.encode(subscribe({})).finish())
    const calls: Array<readonly [string, Buffer, unknown]> = [
      ...first.map((one) => ["Subscribe", frame(SubscribeRequest.encode(one).finish()), one] as const),
      ...later.map(
        (one) => ["Subscribe", Buffer.concat([hello, frame(SubscribeRequest.encode(one).finish())]), one] as const
      ),
      ...reports.map((one) => ["ReportHealth", frame(ReportHealthRequest.encode(one).finish()), one] as const),
      ...texts.map(
        (text) => ["Heartbeat", frame(HeartbeatRequest.encode({ ...who, instanceId: text }).finish()), text] as const
      )
    ]
    const odd: Array<string> = []
    const before = server.output.length
    for (let i = 0; i < calls.length; i += 10)
      await Promise.all(
        calls.slice(i, i + 10).map(async ([method, body, said]) => {
          const { grpc, message } = await raw(door, `${SERVICE}/${method}`, body)
          // OK, INVALID_ARGUMENT; ABORTED: the same instance connected again; FAILED_PRECONDITION: it reports for one that is not there.
          const fine = method === "ReportHealth" ? ["0", "3", "9"] : ["0", "3", "10"]
          if (!fine.includes(String(grpc)) || DATABASE.test(message))
            odd.push(
              `${grpc} ${message} ${method} ${JSON.stringify(said, (_, one) => (typeof one === "bigint" ? String(one) : one)).slice(0, 200)}`
            )
        })
      )
    const clients = await server.call("GET", "/v1/clients?environment=production")
    await waitUntil("what was said to be stored", async () => {
      const { body } = await server.call("GET", "/v1/clients?environment=production&service=edge")
      return body.clients.some(({ health }: { health: unknown }) => health !== null)
    })
    const errors = server.output
      .slice(before)
      .split("\n")
      .filter((line) => /"level":"(error|warn)"/.test(line) && !line.includes('"refused at the door"'))

    assert.deepStrictEqual(odd, [])
    assert.strictEqual(clients.status, 200)
    assert.deepStrictEqual(errors, [])
  })
})
