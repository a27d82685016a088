/** What is answered where no route is: methods, near paths, what can't be decoded. */
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { pathsOf } from "../../../src/edge/http/Paths.ts"
import { startRoutes } from "./Harness.ts"

let door: Awaited<ReturnType<typeof startRoutes>>
beforeAll(async () => {
  door = await startRoutes()
})
afterAll(() => door.dispose())

const production = "environment=production"

describe("Paths", () => {
  it("HM1 a path that is known answers 405 with what it allows, and OPTIONS with the same", async () => {
    const allows = [
      ["/v1/config/a.b?environment=production", "DELETE, GET, HEAD, OPTIONS, PUT"],
      ["/v1/config", "GET, HEAD, OPTIONS"],
      ["/v1/releases", "OPTIONS, POST"],
      ["/v1/keys/1/rotate", "OPTIONS, POST"],
      ["/livez", "GET, HEAD, OPTIONS"],
      ["/openapi.json", "GET, HEAD, OPTIONS"],
      ["/docs", "GET, HEAD, OPTIONS"]
    ] as const
    for (const [path, allow] of allows) {
      const wrong = await door.call("PATCH", path, { as: "nobody" })
      const options = await door.call("OPTIONS", path, { as: "nobody" })

      assert.deepStrictEqual([wrong.status, wrong.body.code, wrong.headers.get("allow")], [405, "HRLD-1011", allow])
      assert.deepStrictEqual([options.status, options.text, options.headers.get("allow")], [204, "", allow])
    }
    const unknown = await door.call("OPTIONS", "/nowhere", { as: "nobody" })
    assert.strictEqual(unknown.status, 404)
  })

  it("HM1 HEAD answers as GET does, without a body; where there is no GET it is no method", async () => {
    await door.call("PUT", `/v1/config/headed?${production}`, { body: { value: 1 } })
    const get = await door.call("GET", `/v1/config/headed?${production}`)
    const head = await door.call("HEAD", `/v1/config/headed?${production}`)
    const none = await door.call("HEAD", "/v1/releases")

    assert.deepStrictEqual([head.status, head.text], [200, ""])
    assert.strictEqual(head.headers.get("etag"), get.headers.get("etag"))
    assert.strictEqual(none.status, 405)
  })

  it("HM2 a path that is not known is told which is near", async () => {
    const near = [
      ["/v1/configs/a.b", "/v1/config/{key}"],
      ["/config/a.b", "/v1/config/{key}"],
      ["/v1/confg/a.b/histroy", "/v1/config/{key}/history"],
      ["/v1/client", "/v1/clients"],
      ["/healthz", "/readyz"],
      ["/metric", "/metrics"],
      ["/v1/history/user-service", "/v1/config/{key}/history"],
      ["/v1/rollback/user-service", "/v1/config/{key}/rollback"]
    ] as const
    for (const [path, meant] of near)
      assert.include((await door.call("GET", path)).body.detail, `did you mean ${meant}?`, path)
    for (const path of [
      "/something/else/entirely",
      `/${"x".repeat(4_000)}`,
      "/a/b/c/d/e/f/g/h/i/j",
      "/x",
      "/v1/purple"
    ]) {
      const far = await door.call("GET", path)
      assert.deepStrictEqual([far.status, far.body.code], [404, "HRLD-1013"])
      assert.include(far.body.fix, "/docs")
      assert.notInclude(far.body.detail, "did you mean", path)
    }
  })

  it("HM2 the door itself says where to look, to browsers and to programs", async () => {
    const { status, headers, body } = await door.call("GET", "/", { as: "nobody" })
    assert.deepStrictEqual([status, headers.get("location")], [302, "/docs"])
    assert.deepInclude(body, { docs: "/docs", openapi: "/openapi.json" })
  })

  it("HM2 a name with slashes in a path is told how they are written", async () => {
    const told = async (path: string): Promise<string> => (await door.call("GET", path)).body.detail
    assert.include(await told("/v1/topics/shop/orders/eu"), "A slash in a name is written %2F")
    assert.notInclude(await told("/v1/topix"), "%2F")
  })

  it("HM2 looking for what is near costs little, however long the path is: anybody may ask", () => {
    const names = Array.from({ length: 30 }, (_, i) => `/v1/things/:key/versions${i}`)
    const { near } = pathsOf(
      names.map((path) => ["GET", path] as const),
      {}
    )
    const paths = [[509], [3, 500], [160, 160, 170]].map(
      (parts) => `/${parts.map((length, at) => "abc"[at]!.repeat(length)).join("/")}`
    )
    const before = process.threadCpuUsage().user
    for (let i = 0; i < 300; i++) assert.isUndefined(near(paths[i % paths.length]!))

    assert.isBelow((process.threadCpuUsage().user - before) / 1_000, 200)
  })

  it("HM3 a path or a query that is no text is refused, never read as another", async () => {
    for (const path of [
      `/v1/config/%ff?${production}`,
      `/v1/config/a%2?${production}`,
      "/v1/config/a?environment=%ff",
      `/v1/config/a?${production}&message=caf%e9`,
      `/v1/schedules/a%00b?${production}`,
      `/v1/flags/%00/usage?${production}`,
      `/v1/schedules?${production}&key=%00`,
      "/%ff"
    ])
      for (const method of ["GET", "DELETE"]) {
        const answer = await door.call(method, path)
        assert.deepStrictEqual([answer.status, answer.body.code], [400, "HRLD-1001"], path)
      }
    const long = await door.call("GET", `/v1/config/${"k".repeat(1_025)}?${production}`)
    assert.deepStrictEqual([long.status, long.body.code], [400, "HRLD-1001"])
  })
})
