/** The image that the Dockerfile makes, run by Docker. */
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { freePort } from "../../layers/Postgres/embedded/Postmaster.ts"
import { HeraldClient } from "../../src/client/HeraldClient.ts"
import type { ClientEvent } from "../../src/client/Options.ts"
import { ROOT } from "../support/Compose.ts"
import { InVain, waitUntil } from "../support/waitUntil.ts"
import { call, docker, inspect, logsOf, publish, tokenIn } from "./Docker.ts"

const IMAGE = "herald:test"

class Herald implements AsyncDisposable {
  readonly id: string
  readonly http: string
  readonly grpc: string

  private constructor(id: string, http: number, grpc: number) {
    this.id = id
    this.http = `http://127.0.0.1:${http}`
    this.grpc = `127.0.0.1:${grpc}`
  }

  /** As `docker run -p 8080:8080 -p 50051:50051 herald`, on ports that are free here; `args` come before the image. */
  static async run(...args: ReadonlyArray<string>): Promise<Herald> {
    const [http, grpc] = [await freePort(), await freePort()]
    const ports = ["-p", `127.0.0.1:${http}:8080`, "-p", `127.0.0.1:${grpc}:50051`]
    const plain = ["--env", "HERALD_INSECURE=yes"]
    const herald = new Herald((await docker("run", "--detach", ...ports, ...plain, ...args, IMAGE)).trim(), http, grpc)
    await herald.healthy()
    return herald
  }

  /** By the image's own health check. */
  async healthy(): Promise<void> {
    await waitUntil("the image's health check", async () => {
      const { State } = await inspect(this.id)
      if (State.Status !== "running") throw new InVain(`it ended with ${State.ExitCode}: ${await logsOf(this.id)}`)
      return State.Health!.Status === "healthy"
    })
  }

  exec(...command: ReadonlyArray<string>): Promise<string> {
    return docker("exec", this.id, ...command)
  }

  async token(): Promise<string> {
    assert.isUndefined(tokenIn(await logsOf(this.id))) // WM1
    return (await this.exec("cat", "/data/admin-token")).trim()
  }

  async client(hear: (event: ClientEvent) => void = () => {}): Promise<HeraldClient> {
    return await HeraldClient.connect({
      address: this.grpc,
      service: "svc",
      instance: "i",
      token: await this.token(),
      reconnect: { capMillis: 1_000 },
      onEvent: hear
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await docker("rm", "--force", "--volumes", this.id)
  }
}

beforeAll(async () => {
  await docker("build", "--tag", IMAGE, ROOT)
}, 600_000)
afterAll(async () => {
  await docker("image", "rm", IMAGE)
})

describe("the image", () => {
  it("runs as a user of its own, through the reader of secrets, with its ports, its volume and a health check", async () => {
    const { Config } = await inspect(IMAGE)
    assert.strictEqual(Config.User, "node")
    assert.deepStrictEqual(Config.Entrypoint, ["with-secrets"])
    assert.deepStrictEqual(Object.keys(Config.ExposedPorts).sort(), ["50051/tcp", "8080/tcp"])
    assert.deepStrictEqual(Object.keys(Config.Volumes), ["/data"])
    assert.isDefined(Config.Healthcheck)
  })

  it("NS1 run without TLS, and without a word that it need not have it, ends with what to do", async () => {
    const error = await docker("run", "--rm", IMAGE).then(
      () => "it started",
      ({ message }: Error) => message
    )
    assert.include(error, "HTTP_HOST is 0.0.0.0")
    assert.include(error, "HERALD_INSECURE=yes")
  })

  it("run alone, with nothing but its ports, serves on its embedded PostgreSQL", async () => {
    await using herald = await Herald.run()
    const token = await herald.token()
    await using client = await herald.client()
    assert.strictEqual((await publish(herald.http, token, "svc", "hello")).status, 200)
    await waitUntil("the value", () => client.getEntry("svc")?.value === "hello")
    await waitUntil("that it was applied", async () => {
      const { body } = await call(`${herald.http}/v1/clients`, token)
      return body.clients[0]?.keys[0]?.applied?.version === 1
    })
    // The CLI is in it, and finds the token.
    assert.include(await herald.exec("herald", "clients"), "svc")
  })

  it("needs no right, and writes nowhere but in its volume, where only it can read", async () => {
    await using herald = await Herald.run(
      "--read-only",
      "--cap-drop=ALL",
      "--security-opt=no-new-privileges",
      "--memory=768m"
    )
    assert.strictEqual((await herald.exec("id", "-u", "-n")).trim(), "node")
    assert.strictEqual((await publish(herald.http, await herald.token(), "svc", 1)).status, 200)
    const readable = await herald.exec("find", "/data", "-perm", "/077")
    assert.strictEqual(readable, "")
    const mine = await herald.exec("find", "/herald", "-writable", "-not", "-type", "l")
    assert.strictEqual(mine, "")
  })

  for (const signal of ["SIGTERM", "SIGINT"])
    it(`${signal} sends clients away, ends it with 0 within Docker's 10 s, and the next start has what was published`, async () => {
      await using herald = await Herald.run()
      const heard: Array<string> = []
      await using client = await herald.client(({ type }) => heard.push(type))
      assert.strictEqual((await publish(herald.http, await herald.token(), "svc", signal)).status, 200)
      await waitUntil("the value", () => client.getEntry("svc")?.value === signal)

      // Docker kills what has not ended after its grace, with exit code 137.
      if (signal === "SIGTERM") await docker("stop", herald.id)
      else await docker("kill", "--signal", signal, herald.id)
      await docker("wait", herald.id)
      const { State } = await inspect(herald.id)
      assert.deepStrictEqual([State.Status, State.ExitCode], ["exited", 0])
      await waitUntil("the client to have been told", () => heard.includes("drain"))
      assert.strictEqual(client.getEntry("svc")?.value, signal) // served on, as stale

      await docker("start", herald.id)
      await herald.healthy()
      await waitUntil("the client to be back", () => client.state === "live")
      const { body } = await call(
        `${herald.http}/v1/config/svc?environment=production&consistency=strong`,
        await herald.token()
      )
      assert.deepStrictEqual([body.value, body.version], [signal, 1])
      assert.notInclude(await herald.exec("cat", "/data/postgres.log"), "was interrupted") // no crash recovery
    })

  it("K2 killed, it starts again on what it left, and has what was acknowledged", async () => {
    await using herald = await Herald.run()
    const token = await herald.token()
    for (let i = 1; i <= 20; i++) assert.strictEqual((await publish(herald.http, token, "svc", i)).status, 200)
    await docker("kill", herald.id)
    assert.strictEqual((await docker("wait", herald.id)).trim(), "137")
    await docker("start", herald.id)
    await herald.healthy()
    const { body } = await call(`${herald.http}/v1/config/svc?environment=production&consistency=strong`, token)
    assert.deepStrictEqual([body.value, body.version], ["20", 20])
  })

  it("K2 a second one on the same volume is refused, and the first goes on", async () => {
    const volume = (await docker("volume", "create")).trim()
    try {
      await using herald = await Herald.run("--volume", `${volume}:/data`)
      const second = docker("run", "--rm", "--env", "HERALD_INSECURE=yes", "--volume", `${volume}:/data`, IMAGE)
      const said = await second.then(
        () => "it started",
        (error: Error) => error.message
      )
      assert.include(said, "a Herald server is using it")
      assert.strictEqual((await publish(herald.http, await herald.token(), "svc", 1)).status, 200)
    } finally {
      await docker("volume", "rm", volume)
    }
  })

  it("takes secrets from files, and says which one it can't read", async () => {
    const wrong = docker("run", "--rm", "--env", "HERALD_PEPPER_FILE=/run/secrets/none", IMAGE)
    const error = await wrong.then(
      () => "",
      (cause: Error) => cause.message
    )
    assert.include(error, "HERALD_PEPPER_FILE names /run/secrets/none, which can't be read or is empty")
    assert.match(await docker("run", "--rm", IMAGE, "herald", "--version"), /\d+\.\d+\.\d+/)
  })
})
