/** That each method which is about an environment counts in the limits of that one, and that none is forgotten: from the services of a node. */

import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Client, type ClientDuplexStream, credentials, type ServiceError, status } from "@grpc/grpc-js"
import { Health } from "../../../proto/generated/herald/distribution/v1/distribution.ts"
import { grpc } from "../../../src/node/Node.ts"
import { openBoth } from "../../support/BothDoors.ts"

interface Method {
  readonly path: string
  readonly requestStream: boolean
  readonly responseStream: boolean
  readonly requestSerialize: (value: never) => Buffer
  readonly requestDeserialize: (bytes: Buffer) => object
}
const methods = grpc.flatMap(({ definition }) => Object.values(definition) as unknown as ReadonlyArray<Method>)

/** Of flagd: the environment is in a header. */
const byHeader = ({ path }: Method): boolean => path.startsWith("/flagd.") && !path.endsWith("/GetMetadata")
const isAbout = (method: Method): boolean =>
  byHeader(method) || "environment" in method.requestDeserialize(Buffer.alloc(0))
/** What is delayed and not refused (PM4). */
const PACED = "/herald.publishing.v1.PublishingService/PublishMany"
/** Nothing of them is in an environment. */
const OUTSIDE = ["/herald.topics.", "/herald.marketdata.", "/flagd.sync.v1.FlagSyncService/GetMetadata", PACED]

const instance = { serviceName: "svc", instanceId: "i", health: Health.HEALTH_HEALTHY }
/** What they want to be asked with, besides. */
const more: Readonly<Record<string, object>> = {
  Subscribe: { ...instance, control: true },
  ReportHealth: instance,
  Heartbeat: instance,
  Publish: { key: "a", value: Buffer.from("1") }
}

let doors: Awaited<ReturnType<typeof openBoth>>
let client: Client
beforeAll(async () => {
  doors = await openBoth({ limits: [{ door: "grpc", environment: "production", requestsPerSecond: 1, burst: 3 }] })
  client = new Client(`127.0.0.1:${doors.port}`, credentials.createInsecure())
})
afterAll(async () => {
  client.close()
  await doors.close()
})

/** How it ends; undefined: it was let in. */
const ask = (method: Method, as: string, environment: string) =>
  new Promise<ServiceError | undefined>((resolve) => {
    const { path, requestSerialize, requestDeserialize, requestStream, responseStream } = method
    const name = path.split("/")[2]!
    const request = { ...requestDeserialize(Buffer.alloc(0)), ...more[name], environment }
    const metadata = doors.metadataOf(as, byHeader(method) ? { "flagd-selector": `flagSetId=${environment}` } : {})
    const raw = (bytes: Buffer) => bytes
    const serialize = (value: object) => requestSerialize(value as never)
    if (!requestStream && !responseStream)
      return client.makeUnaryRequest(path, serialize, raw, request, metadata, (error) => resolve(error ?? undefined))
    const call = requestStream
      ? client.makeBidiStreamRequest(path, serialize, raw, metadata)
      : client.makeServerStreamRequest(path, serialize, raw, request, metadata)
    const letIn = () => {
      resolve(undefined)
      call.cancel()
    }
    const late = setTimeout(letIn, 2_000)
    call.on("data", letIn)
    call.on("error", (error: ServiceError) => {
      clearTimeout(late)
      resolve(error)
    })
    if (requestStream) (call as ClientDuplexStream<object, Buffer>).write(request)
  })

const isOver = (error: ServiceError | undefined): boolean =>
  error?.code === status.RESOURCE_EXHAUSTED && error.details.includes("at the door grpc in production")

describe("limits of an environment at the gRPC door", () => {
  it("LX3 each method is about an environment, or is known to be about none", () => {
    const unknown = methods.filter((one) => !isAbout(one) && !OUTSIDE.some((path) => one.path.startsWith(path)))
    assert.deepStrictEqual(
      unknown.map(({ path }) => path),
      []
    )
    assert.isAbove(methods.filter(isAbout).length, 10)
  })

  for (const method of methods.filter(isAbout))
    it(`LX1 LX3 ${method.path} counts there, and what it asks elsewhere does not`, async () => {
      const name = method.path.slice(1).replaceAll(/[./]/g, "-")
      await doors.mint(name, "publisher", ["*"])
      for (let i = 0; i < 5; i++) assert.isFalse(isOver(await ask(method, name, "staging")))
      // Several at once, as one after the other may take longer than it takes one to come back.
      const several = () => Promise.all(Array.from({ length: 8 }, () => ask(method, name, "production")))
      let ends = await several()
      assert.isFalse(ends.every(isOver))
      for (let i = 0; i < 20 && !ends.some(isOver); i++) ends = await several()
      assert.isTrue(ends.some(isOver), String(ends.map((one) => one?.details)))
    })
})
