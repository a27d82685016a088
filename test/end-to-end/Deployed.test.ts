/** What docker-compose.yml starts, started here without containers: its scripts, settings files, commands and health checks. */

import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setDefaultCACertificates } from "node:tls"
import { Redis } from "ioredis"
import { assert, describe, it } from "vitest"
import { HeraldClient } from "../../src/client/HeraldClient.ts"
import { complaints } from "../support/Compose.ts"
import { connect } from "../support/Database.ts"
import { Deployed } from "../support/Deployed.ts"
import { newFolder } from "../support/folder.ts"
import { Reader } from "../support/Kafka.ts"
import { waitUntil } from "../support/waitUntil.ts"

describe("docker-compose.yml", () => {
  it("the loader of `docker compose config` accepts it, and not everything", () => {
    assert.strictEqual(complaints(), "")
    const folder = newFolder()
    const wrong = join(folder.path, "docker-compose.yml")
    const text = readFileSync(new URL("../../docker-compose.yml", import.meta.url), "utf8")
    try {
      for (const [there, instead, said] of [
        ["- kafka:/var/lib", "- kafkas:/var/lib", "undefined volume kafkas"],
        ["herald-1: { condition: service_healthy }", "herald-9: { condition: service_healthy }", "herald-9"],
        ["service_healthy", "service_is_fine", "condition"]
      ] as const) {
        assert.include(text, there)
        writeFileSync(wrong, text.replaceAll(there, instead))
        assert.include(complaints(wrong), said)
      }
    } finally {
      folder.remove()
    }
  })

  it("what it starts works together: each service becomes healthy, and a change reaches the other node, Kafka, Redis and the replica", async () => {
    await using deployed = await Deployed.prepare()
    const kafka = await deployed.kafka()
    deployed.secrets()
    deployed.certificates()
    const { authority } = deployed
    deployed.certificates()
    assert.strictEqual(deployed.authority, authority)
    setDefaultCACertificates([authority])
    for (const service of ["postgres", "postgres-replica", "redis", "kafka", "herald-1"] as const)
      assert.isFalse(deployed.healthy(service), service)

    await deployed.postgres()
    await waitUntil("the primary", () => deployed.healthy("postgres"))
    deployed.replica()
    deployed.redis()
    await kafka.start()
    for (const service of ["postgres-replica", "redis", "kafka"] as const)
      await waitUntil(service, () => deployed.healthy(service))
    const first = await deployed.herald("herald-1")
    await waitUntil("herald-1", () => deployed.healthy("herald-1"))
    const second = await deployed.herald("herald-2")

    await using client = await HeraldClient.connect({
      address: second.grpc,
      service: "svc",
      instance: "a",
      token: first.token,
      tls: { rootCertificates: authority }
    })
    await using reader = await new Reader(kafka).start()
    assert.match(first.http, /^https:/)
    assert.strictEqual((await first.publish("svc", "deployed")).status, 200)
    await waitUntil("the value", () => client.getEntry("svc")?.value === "deployed")
    await waitUntil("the event", () => reader.of("config_update").some(({ key }) => key === "svc"))
    const { DATABASE_URL, DATABASE_REPLICA_URL, REDIS_URL } = deployed.environment
    {
      await using replica = await connect(DATABASE_REPLICA_URL!)
      await waitUntil("the replica", async () => {
        const rows = await replica.query(
          "select pg_is_in_recovery() as standby, count(*)::int as n from configurations"
        )
        return rows[0]?.["standby"] === true && rows[0]?.["n"] === 1
      })
    }
    assert.match(DATABASE_URL!, /^postgres:\/\/herald:[0-9a-f]{64}@/)
    const redis = new Redis(REDIS_URL!)
    try {
      assert.include(await waitUntil("the entry in Redis", () => redis.get("config:svc:production")), "deployed")
      assert.deepStrictEqual(await redis.config("GET", "maxmemory-policy"), ["maxmemory-policy", "allkeys-lru"])
    } finally {
      redis.disconnect()
    }
  })
})
