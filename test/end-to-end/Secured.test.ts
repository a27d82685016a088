/**
 * Connections with TLS, by certificates of a private authority, and with users and passwords, to real servers. What Herald trusts beyond the
 * known authorities is in NODE_EXTRA_CA_CERTS.
 */
import { once } from "node:events"
import { chmodSync, chownSync, copyFileSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { type AddressInfo, createServer } from "node:net"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import { freePort } from "../../layers/Postgres/embedded/Postmaster.ts"
import { HeraldClient } from "../../src/client/HeraldClient.ts"
import { makeCertificates } from "../support/Certificates.ts"
import { connect, startNativeDatabase } from "../support/Database.ts"
import { newFolder } from "../support/folder.ts"
import { KafkaServer } from "../support/Kafka.ts"
import { startCluster, startRedis, startSentinel } from "../support/Redis.ts"
import { Server } from "../support/Server.ts"
import { waitUntil } from "../support/waitUntil.ts"

const newServer = async () => {
  const server = new Server({})
  // The folder is made once, so that the settings that follow cost no initdb.
  await server.start()
  await server.end("SIGTERM")
  return server
}

/** Starts it with these settings, has it serve, and then looks. */
const during = async (server: Server, env: Record<string, string>, look: () => Promise<void>) => {
  server.output = ""
  await server.start(env)
  try {
    await using client = await HeraldClient.connect({
      address: server.grpc,
      service: "svc",
      instance: "a",
      token: server.token
    })
    const value = Math.random()
    assert.strictEqual((await server.publish("svc", value)).status, 200)
    await waitUntil("the value", () => client.getEntry("svc")?.value === value)
    await look()
  } finally {
    await server.end("SIGTERM")
  }
}

const metric = async (server: Server, line: RegExp) =>
  line.test((await server.call("GET", "/metrics", undefined, { accept: "text/plain" })).body)
const redisOpen = /^herald_breaker_open\{dependency="redis"\} 1$/m
const redisUsed = /^herald_redis_subscribed 1$/m
const PATIENCE = 300_000

const logged = (server: Server, what: RegExp) =>
  waitUntil(`the log to say ${what}`, () => what.exec(server.output)?.[0])

/** It serves, and says in its log why it goes without Redis. */
const goesWithout = (server: Server, env: Record<string, string>, why: RegExp) =>
  during(server, env, async () => {
    assert.isTrue(await metric(server, redisOpen))
    assert.match(await logged(server, /"message":"Redis is away.*/), why)
  })

describe("Redis with TLS and passwords", () => {
  it(
    "SC1 SC2 a user who may only what docs/redis.md says; a wrong password, an untrusted and no certificate are told apart",
    async () => {
      await using redis = await startRedis(true)
      await using server = await newServer()
      const [node] = redis.nodes
      const { ca } = redis.access!.certificates
      const page = readFileSync(new URL("../../docs/redis.md", import.meta.url), "utf8")
      const rules = /^user herald (.+)$/m.exec(page)![1]!.replace("<password>", "p@ss:word/")
      await node!.ask((one) => one.acl("SETUSER", "herald", ...rules.split(" ")))
      const url = (password: string, scheme = "rediss") =>
        `${scheme}://herald:${encodeURIComponent(password)}@127.0.0.1:${node!.port}/0`
      await during(server, { REDIS_URL: url("p@ss:word/"), NODE_EXTRA_CA_CERTS: ca }, async () => {
        const entry = await waitUntil("the entry", () => node!.ask((one) => one.get("config:svc:production")))
        assert.include(entry, '"valueType":"number"')
        await waitUntil("the lane", () => metric(server, redisUsed))
        assert.isFalse(await metric(server, redisOpen))
        assert.deepStrictEqual(await node!.ask((one) => one.acl("LOG")), []) // nothing was refused
        assert.notInclude(server.output, "p@ss")
      })
      await goesWithout(server, { REDIS_URL: url("wrong"), NODE_EXTRA_CA_CERTS: ca }, /WRONGPASS/)
      await goesWithout(server, { REDIS_URL: url("p@ss:word/") }, /certificate/)
      await goesWithout(server, { REDIS_URL: url("p@ss:word/", "redis") }, /ECONNRESET|closed/i)
    },
    PATIENCE
  )

  it("SC1 a server that hangs up on who comes without TLS is said to", async () => {
    const rude = createServer((socket) => socket.once("data", () => socket.end())).listen(0, "127.0.0.1")
    await once(rude, "listening")
    try {
      await using server = await newServer()
      const { port } = rude.address() as AddressInfo
      await goesWithout(server, { REDIS_URL: `redis://:secret@127.0.0.1:${port}` }, /closed by the other side/)
    } finally {
      rude.close()
    }
  })

  for (const [mode, start] of [
    ["sentinel", startSentinel],
    ["cluster", startCluster]
  ] as const)
    it(
      `SC1 SC2 ${mode}: the same password and certificates for all of them`,
      async () => {
        await using redis = await start(true)
        await using server = await newServer()
        const { ca } = redis.access!.certificates
        const env = { REDIS_URL: redis.url, REDIS_MODE: mode, NODE_EXTRA_CA_CERTS: ca }
        await during(server, env, async () => {
          await waitUntil("the lane", () => metric(server, redisUsed))
          await waitUntil("the commands", async () => !(await metric(server, redisOpen)))
        })
        const wrong = redis.url.replaceAll(redis.access!.password, "wrong")
        await goesWithout(server, { ...env, REDIS_URL: wrong }, /WRONGPASS|NOAUTH|password/i)
      },
      PATIENCE
    )
})

describe("Kafka with TLS and SASL/SCRAM-SHA-512", () => {
  it(
    "SC1 SC2 events get there with the right password and authority; otherwise the log says why and the server serves",
    async () => {
      await using server = await newServer()
      const folder = newFolder()
      try {
        const { ca, key, certificate, trusted } = makeCertificates(folder.path)
        const store = join(folder.path, "broker.pem")
        writeFileSync(store, `${readFileSync(key, "utf8")}${readFileSync(certificate, "utf8")}`)
        const inner = await freePort()
        const password = "s3cret-with-signs!"
        await using kafka = await KafkaServer.start({
          folders: [folder.path],
          properties: ({ port, controller, logs, bind }) => `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${controller}
listeners=SASL_SSL://${bind}:${port},INNER://127.0.0.1:${inner},CONTROLLER://127.0.0.1:${controller}
advertised.listeners=SASL_SSL://127.0.0.1:${port},INNER://127.0.0.1:${inner}
listener.security.protocol.map=SASL_SSL:SASL_SSL,INNER:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=INNER
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location=${store}
log.dirs=${logs}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
`,
          format: ["--add-scram", `SCRAM-SHA-512=[name=herald,password="${password}"]`],
          client: { ssl: trusted, sasl: { mechanism: "scram-sha-512", username: "herald", password } }
        })
        const env = {
          KAFKA_BROKERS: kafka.address,
          KAFKA_TLS: "on",
          KAFKA_USERNAME: "herald",
          KAFKA_PASSWORD: password,
          NODE_EXTRA_CA_CERTS: ca
        }
        await during(server, env, async () => {
          const published = /^herald_events_published_total\{kind="configuration"\} [1-9]/m
          await waitUntil("the event", () => metric(server, published))
          assert.isAbove(await kafka.count("config.updates"), 0)
        })
        for (const [instead, why] of [
          [{ KAFKA_PASSWORD: "wrong" }, /SASL SCRAM SHA512 authentication failed/],
          [{ NODE_EXTRA_CA_CERTS: "" }, /certificate/],
          [{ KAFKA_TLS: "off" }, /Kafka did not take the events/]
        ] as const)
          await during(server, { ...env, ...instead }, async () => {
            const said = await logged(server, /.*events wait.*/)
            assert.match(said, why)
            assert.include(said, "HRLD-")
            assert.notInclude(server.output, password)
          })
      } finally {
        folder.remove()
      }
    },
    PATIENCE
  )
})

describe("PostgreSQL with TLS", () => {
  it(
    "SC1 SC2 sslmode=verify-full takes the private authority; anything else is refused with the reason",
    async () => {
      await using database = await startNativeDatabase()
      const folder = newFolder()
      try {
        const { ca, key, certificate } = makeCertificates(folder.path, "IP:127.0.0.1")
        const { uid, gid } = statSync(database.cluster)
        for (const [from, name] of [
          [key, "server.key"],
          [certificate, "server.crt"]
        ] as const) {
          copyFileSync(from, join(database.cluster, name))
          chownSync(join(database.cluster, name), uid, gid)
          chmodSync(join(database.cluster, name), 0o600)
        }
        await using session = await connect(database.url)
        await session.query("alter system set ssl = on")
        // Only TLS gets in from now on.
        const hba = join(database.cluster, "pg_hba.conf")
        writeFileSync(hba, readFileSync(hba, "utf8").replaceAll(/^host /gm, "hostssl "))
        await session.query("select pg_reload_conf()")

        const url = `${database.url}?sslmode=verify-full`
        await using server = new Server({ NODE_EXTRA_CA_CERTS: ca, DATABASE_URL: url, HERALD_PEPPER: "pepper" })
        await during(server, {}, async () => {
          const rows = await session.query(
            "select bool_and(ssl) as all, count(*)::int as n from pg_stat_ssl join pg_stat_activity using (pid) where application_name = 'herald'"
          )
          assert.isTrue(rows[0]!["all"])
          assert.isAbove(Number(rows[0]!["n"]), 0)
        })
        for (const [instead, why] of [
          [{ NODE_EXTRA_CA_CERTS: "" }, /certificate/],
          [{ DATABASE_URL: url.replace(/:[^:@]+@/, ":wrong@") }, /password authentication failed/],
          [{ DATABASE_URL: url.replace("127.0.0.1", "localhost") }, /does not match certificate/],
          [{ DATABASE_URL: url.replace("verify-full", "disable") }, /no encryption/]
        ] as const) {
          server.output = ""
          server.launch({ HTTP_PORT: "0", GRPC_PORT: "0", ...instead })
          await logged(server, why)
          await server.end("SIGTERM")
        }
      } finally {
        folder.remove()
      }
    },
    PATIENCE
  )
})
