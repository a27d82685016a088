/** A change request that is asked for of each route of the contract: it waits, or nothing is done. The list is the document's. */
import { assert, describe, it } from "@effect/vitest"
import { Context } from "effect"
import { afterAll, beforeAll } from "vitest"
import { apiOf } from "../../../src/edge/http/Contract.ts"
import { CanWait } from "../../../src/edge/http/Needs.ts"
import { http } from "../../../src/node/Node.ts"
import { right, rightBodies } from "../../support/RightValues.ts"
import { startRoutes } from "./Harness.ts"

let door: Awaited<ReturnType<typeof startRoutes>>
beforeAll(async () => {
  door = await startRoutes()
  const put = async (path: string, value: unknown) =>
    assert.strictEqual((await door.call("PUT", `${path}?environment=production`, { body: { value } })).status, 200)
  for (const n of [1, 2]) {
    await put("/v1/config/svc", n)
    await put("/v1/segments/seg", { targetUsers: [`ann${n}`] })
    await put("/v1/flags/flg", {
      state: "ENABLED",
      variants: { on: n, off: 0 },
      defaultVariant: "on"
    })
  }
})
afterAll(() => door.dispose())

const HEADERS = { "herald-request": "yes" }

/** Each route, and whether it says that it can wait. */
const routes = Object.values(apiOf(http).groups).flatMap((group) =>
  Object.values(group.endpoints).map(({ method, path, annotations, middlewares }) => ({
    method: method as string,
    path: path.replace(/:(\w+)/g, "{$1}"),
    waits: Context.getOrUndefined(annotations as Context.Context<CanWait>, CanWait) === true,
    isOpen: middlewares.size === 0
  }))
)

const ask = (method: string, path: string, headers: Record<string, string> = HEADERS) => {
  const at = path.replace(/\{(\w+)\}/g, (_, name: string) => right[name] ?? "k")
  const body = method === "GET" || method === "DELETE" ? undefined : (rightBodies[path] ?? {})
  const isText = path.endsWith("/ids")
  return door.call(method, `${at}${at.startsWith("/ofrep") ? "" : "?environment=production"}`, {
    headers: { ...headers, ...(isText ? { "content-type": "text/plain" } : {}) },
    ...(body === undefined ? {} : { body: isText ? "ann" : body })
  })
}
const all = async () => {
  const found: Record<string, unknown> = {}
  for (const path of [
    "config",
    "flags",
    "segments",
    "flag-settings",
    "keys",
    "protections",
    "rollouts",
    "experiments",
    "schedules",
    "routes",
    "topics"
  ])
    found[path] = (
      await door.call(
        "GET",
        `/v1/${path}${["keys", "routes", "topics"].includes(path) ? "" : "?environment=production"}`
      )
    ).body
  return found
}

describe("a change request that is asked for", () => {
  it("AQ12 of a route that can't wait is refused before anything is done, whichever it is", async () => {
    const before = await all()
    const acted: Array<string> = []
    for (const { method, path, waits, isOpen } of routes) {
      if (waits || isOpen) continue
      const { status, body } = await ask(method, path)
      if (status !== 400 || body?.code !== "HRLD-3099") acted.push(`${method} ${path}: ${status} ${body?.code}`)
    }
    assert.deepStrictEqual(acted, [])
    assert.deepStrictEqual(await all(), before)
    assert.isAbove(routes.filter(({ waits, isOpen }) => !waits && !isOpen).length, 80)
  })

  it("AQ12 of a route that can waits, or is refused for what is asked: nothing is done at once", async () => {
    const before = await all()
    const became: Record<string, number> = {}
    for (const { method, path, waits } of routes) {
      if (!waits) continue
      const { status, body, text } = await ask(method, path)
      became[`${method} ${path}`] = status
      assert.notStrictEqual(body?.code, "HRLD-3099", text)
      if (status >= 400) continue
      assert.strictEqual(status, 202, `${method} ${path} ${text}`)
    }
    assert.deepStrictEqual(await all(), before)
    const asked = Object.values(became).filter((status) => status === 202).length
    assert.isAbove(asked, 10, JSON.stringify(became))
    // Writes of keys of the environment, but for those that say that they can't.
    assert.sameMembers(
      routes.flatMap(({ method, path, waits, isOpen }) =>
        !waits &&
        !isOpen &&
        method !== "GET" &&
        /^\/v1\/(config|flags|segments|releases|rollouts|experiments|flag-settings|schedules|protections)/.test(path)
          ? [`${method} ${path}`]
          : []
      ),
      [
        "POST /v1/config/{key}/validate",
        "POST /v1/flags/{flag}/validate",
        "POST /v1/flags/{flag}/evaluate",
        "POST /v1/segments/{segment}/validate",
        "POST /v1/flag-settings/validate"
      ]
    )
  })

  it("AQ8 breaks no glass: what asks for a plan would be passed by without the right to", async () => {
    const path = "/v1/config/svc?environment=production&breakGlass=fire"
    const refused = await door.call("PUT", path, { as: "publisher", headers: HEADERS, body: { value: 9 } })
    assert.deepStrictEqual([refused.status, refused.body.code], [400, "HRLD-1001"], refused.text)
  })
})
