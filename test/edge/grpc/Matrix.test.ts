/** Who may make which call, in which environment: every method of the service, every kind of identity. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import {
  DistributionServiceService,
  Health,
  HeartbeatRequest,
  ReportHealthRequest,
  SubscribeRequest
} from "../../../proto/generated/herald/distribution/v1/distribution.ts"
import { Access } from "../../../src/access/Access.ts"
import { CurrentIdentity, system } from "../../../src/access/Identity.ts"
import { Client, Door, frame, raw } from "../../support/Door.ts"
import { SERVICE } from "../../support/Stranger.ts"
import { waitUntil } from "../../support/waitUntil.ts"

let door: Door
const tokens = new Map<string, string | undefined>([
  ["nobody", undefined],
  ["garbage", undefined]
])
beforeAll(async () => {
  door = await Door.open()
  for (const role of ["subscriber", "viewer", "publisher", "admin"] as const) {
    tokens.set(role, await door.key(role))
    tokens.set(`${role}@production`, await door.key(role, ["production"]))
  }
  const gone = { name: "gone", role: "admin", environments: ["*"] } as const
  await door.run(
    Effect.gen(function* () {
      const access = yield* Access
      const revoked = yield* access.createKey({ ...gone, expiresAt: null })
      yield* access.revokeKey(revoked.key.id)
      tokens.set("revoked", revoked.token)
      const expired = yield* access.createKey({ ...gone, add: true, expiresAt: null })
      yield* access.rotateKey(expired.key.id, 0)
      tokens.set("expired", expired.token)
    }).pipe(Effect.provideService(CurrentIdentity, system))
  )
})
afterAll(() => door.close())

const who = (environment: string) => ({ serviceName: "svc", instanceId: "i", environment })
const bodies: Readonly<Record<string, (environment: string) => Uint8Array>> = {
  Subscribe: (environment) =>
    SubscribeRequest.encode(SubscribeRequest.fromPartial({ ...who(environment), control: true })).finish(),
  ReportHealth: (environment) =>
    ReportHealthRequest.encode(
      ReportHealthRequest.fromPartial({ ...who(environment), health: Health.HEALTH_HEALTHY })
    ).finish(),
  Heartbeat: (environment) => HeartbeatRequest.encode(HeartbeatRequest.fromPartial(who(environment))).finish()
}
let guesses = 0
const garbage = () => `hrld_${String(++guesses).padStart(16, "0")}_${"f".repeat(64)}`
const ask = (method: string, as: string, environment: string): Promise<string> =>
  told(method, as === "garbage" ? garbage() : tokens.get(as), bodies[method]!(environment))
const told = async (method: string, token: string | undefined, body: Uint8Array): Promise<string> => {
  const { grpc, code } = await raw(door, `${SERVICE}/${method}`, frame(body), {
    authorization: token === undefined ? "" : `Bearer ${token}`
  })
  return code === undefined ? String(grpc) : `${grpc} ${code}`
}

const nobody = ["nobody", "garbage", "revoked", "expired"]
const roles = ["subscriber", "publisher", "admin"]

describe("every call by every identity", () => {
  for (const method of Object.keys(bodies))
    it(`G5 ${method}`, async () => {
      const took: Record<string, string> = {}
      const expected: Record<string, string> = {}
      for (const environment of ["production", "staging"])
        for (const as of tokens.keys()) {
          const [role = "", scope] = as.split("@")
          const name = `${as} in ${environment}`
          took[name] = await ask(method, as, environment)
          expected[name] = nobody.includes(as)
            ? "16 HRLD-3001"
            : roles.includes(role) && (scope === undefined || scope === environment)
              ? method === "ReportHealth"
                ? "9 HRLD-5010" // it is not connected
                : "0"
              : "7 HRLD-3002"
        }

      assert.deepStrictEqual(took, expected)
    })

  it("OW1 OW3 a connected instance is spoken for by its principal alone, by each of its keys", async () => {
    const [mine, mineToo, other] = [
      await door.key("subscriber", ["production"], "team-a"),
      await door.key("publisher", ["production"], "team-a"),
      await door.key("admin", ["*"], "team-b")
    ]
    using holder = new Client(door, { serviceName: "owned" }, `Bearer ${mine}`)
    await waitUntil("the instance to be connected", () => holder.got.length > 0)
    const instance = { serviceName: "owned", instanceId: "i1", environment: "production" }
    const health = (changed: Partial<ReportHealthRequest> = {}) =>
      ReportHealthRequest.encode(
        ReportHealthRequest.fromPartial({ ...instance, health: Health.HEALTH_HEALTHY, ...changed })
      ).finish()
    const beat = HeartbeatRequest.encode(HeartbeatRequest.fromPartial(instance)).finish()
    const hello = SubscribeRequest.encode(SubscribeRequest.fromPartial({ ...instance, control: true })).finish()

    assert.deepStrictEqual(
      [
        await told("Subscribe", other, hello),
        await told("Heartbeat", other, beat),
        await told("ReportHealth", other, health())
      ],
      ["9 HRLD-5009", "9 HRLD-5009", "9 HRLD-5009"]
    )
    for (const token of [mine, mineToo])
      assert.deepStrictEqual(
        [await told("Heartbeat", token, beat), await told("ReportHealth", token, health())],
        ["0", "0"]
      )
    assert.isUndefined(holder.status)
    assert.strictEqual(await told("Subscribe", mineToo, hello), "0")
    await waitUntil("the first session to be replaced", () => holder.status?.details.startsWith("HRLD-5002"))
  })

  it("HR3 health is reported for revisions that exist, and for instances that are connected", async () => {
    using client = new Client(door, { serviceName: "well" })
    await waitUntil("the instance to be connected", () => client.got.length > 0)
    const report = (changed: Partial<ReportHealthRequest>) =>
      told(
        "ReportHealth",
        door.token.replace("Bearer ", ""),
        ReportHealthRequest.encode(
          ReportHealthRequest.fromPartial({
            ...{ serviceName: "well", instanceId: "i1", health: Health.HEALTH_HEALTHY },
            ...changed
          })
        ).finish()
      )
    assert.strictEqual(await report({}), "0")
    assert.strictEqual(await report({ revision: 1_000n }), "3 HRLD-1001")
    assert.strictEqual(await report({ epoch: "another", revision: 1n }), "3 HRLD-1001")
    assert.strictEqual(await report({ instanceId: "never seen" }), "9 HRLD-5010")
  })

  it("G5 the table has every method of the service", () => {
    const methods = Object.values(DistributionServiceService).map(({ path }) => path.split("/")[2])

    assert.sameMembers(methods as Array<string>, Object.keys(bodies))
  })
})
