/**
 * `docker compose up` of docker-compose.yml: all of it, on ports that are free. Where no registry can be reached HERALD_COMPOSE_OVERRIDE names
 * what stands in for images that can't be had.
 */
import { join } from "node:path"
import { setDefaultCACertificates } from "node:tls"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { HeraldClient } from "../../src/client/HeraldClient.ts"
import { ROOT } from "../support/Compose.ts"
import { InVain, waitUntil } from "../support/waitUntil.ts"
import { type Container, call, docker, inspect, publish, tokenIn } from "./Docker.ts"

const override = process.env["HERALD_COMPOSE_OVERRIDE"]
const files = ["docker-compose.yml", "test/containers/ports.yml"].map((file) => join(ROOT, file))
const compose = (...args: ReadonlyArray<string>) =>
  docker(
    "compose",
    "--project-name",
    "herald-test",
    ...[...files, ...(override === undefined ? [] : [override])].flatMap((file) => ["--file", file]),
    ...args
  )

const containers = async (): Promise<ReadonlyArray<Container>> => {
  const ids = (await compose("ps", "--all", "--quiet")).trim().split("\n")
  return await Promise.all(ids.map(inspect))
}

const PATIENCE = 300_000
/** Where a service's port is on this machine now. */
const at = async (service: string, port: number) => (await compose("port", service, String(port))).trim()

beforeAll(async () => {
  await compose("down", "--volumes")
  await compose("up", "--build", "--detach")
}, 600_000)
afterAll(async () => {
  await compose("down", "--volumes", "--timeout", "5")
}, 120_000)

describe("docker compose up", () => {
  it(
    "gets every health check green; a change reaches a client of another node, whatever is killed then",
    async () => {
      await waitUntil(
        "every health check to be green",
        async () => {
          const all = await containers()
          const ended = all.filter(({ State }) => State.ExitCode !== 0)
          if (ended.length > 0) throw new InVain(JSON.stringify(ended.map(({ Name, State }) => [Name, State])))
          return all.every(({ State }) => (State.Health?.Status ?? "healthy") === "healthy")
        },
        PATIENCE
      )
      const checked = (await containers()).filter(({ State }) => State.Health !== undefined)
      assert.isAtLeast(checked.length, override === undefined ? 9 : 8)

      // As the README says.
      const token = (await compose("exec", "-T", "herald-1", "cat", "/data/admin-token")).trim()
      assert.match(token, /^hrld_/)
      for (const n of [1, 2, 3] as const) assert.isUndefined(tokenIn(await compose("logs", `herald-${n}`))) // WM1

      const rootCertificates = await compose("exec", "-T", "herald-1", "cat", "/tls/ca.pem")
      setDefaultCACertificates([rootCertificates])
      const [first, third] = [`https://${await at("herald-1", 8080)}`, `https://${await at("herald-3", 8080)}`]
      await using client = await HeraldClient.connect({
        address: [await at("herald-2", 50_051), await at("herald-3", 50_051)],
        service: "svc",
        instance: "i",
        token,
        tls: { rootCertificates },
        reconnect: { capMillis: 1_000 }
      })
      /** Published on one node, applied by the client of another, as a third one tells. */
      const reaches = async (value: string) => {
        // A machine that is starved is told again and again that nothing was written.
        const answer = await waitUntil("the node to get to a publish", async () => {
          const one = await publish(first, token, "svc", value)
          return one.body.code !== "HRLD-4004" && one
        })
        assert.strictEqual(answer.status, 200, JSON.stringify(answer.body))
        await waitUntil(`"${value}"`, () => client.getEntry("svc")?.value === value)
        await waitUntil("that it was applied", async () => {
          const { body } = await call(`${third}/v1/clients`, token)
          const mine = body.clients.find((one: { readonly instance: string }) => one.instance === "i")
          return mine?.keys[0]?.applied?.version === answer.body.version
        })
      }
      await reaches("all is well")
      await waitUntil("the collector to be told", async () => /metrics/i.test(await compose("logs", "collector")))

      await compose("kill", "herald-2")
      await waitUntil("the client to be at the node that is left", () => client.state === "live")
      await reaches("a node is dead")
      await compose("kill", "redis")
      await reaches("Redis is dead, too")

      await compose("start", "herald-2", "redis")
      await waitUntil("them to be back", async () => {
        const all = await containers()
        return all.every(({ State }) => (State.Health?.Status ?? "healthy") === "healthy")
      })
      await reaches("all is well again")
    },
    PATIENCE
  )
})
