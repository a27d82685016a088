import { assert, it } from "@effect/vitest"
import type { ServiceError } from "@grpc/grpc-js"
import { openBoth } from "../../support/BothDoors.ts"

const asIs = (bytes: Buffer): Buffer => bytes

it("G16 each failed call of Herald's services has a problem for programs, and none of another protocol has", async () => {
  const doors = await openBoth()
  const client = doors.client()
  const failed = (method: string) =>
    new Promise<ServiceError>((resolve) => {
      const call = client.makeBidiStreamRequest(method, asIs, asIs, doors.metadataOf("admin"))
      call.on("data", () => {})
      call.on("error", resolve)
      call.end(Buffer.from([0xff]))
    })
  const methods = [
    "/herald.distribution.v1.DistributionService/Subscribe",
    "/herald.distribution.v1.DistributionService/ReportHealth",
    "/herald.publishing.v1.PublishingService/Publish",
    "/herald.publishing.v1.PublishingService/PublishMany",
    "/flagd.evaluation.v2.Service/ResolveBoolean"
  ]
  const found: Array<readonly [string, string, boolean]> = []
  for (const method of methods) {
    const { details, metadata } = await failed(method)
    const rich = metadata.get("grpc-status-details-bin")[0] as Buffer | undefined
    const said = rich?.includes(details) === true && rich.includes("herald.publishing.v1.Problem")
    found.push([method, details.slice(0, 9), said])
  }
  await doors.close()
  assert.deepStrictEqual(
    found,
    methods.map((method) => [method, "HRLD-1001", method.startsWith("/herald.")])
  )
})
