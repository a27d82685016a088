/** Where a connection goes and what it says to whom, over real sockets. */
import { readFileSync } from "node:fs"
import { createServer } from "node:http"
import { type AddressInfo, connect as connectTcp, type Socket } from "node:net"
import process from "node:process"
import { assert, describe, it } from "@effect/vitest"
import { ServerCredentials } from "@grpc/grpc-js"
import { onTestFinished } from "vitest"
import type { Clock } from "../../src/client/Clock.ts"
import { type ClientEvent, HeraldClient } from "../../src/client/HeraldClient.ts"
import { systemClock } from "../../src/client/Platform.ts"
import { type Certificates, makeCertificates } from "../support/Certificates.ts"
import { newFolder } from "../support/folder.ts"
import { synced, value } from "../support/Said.ts"
import { until } from "../support/turn.ts"
import { WireServer } from "../support/WireServer.ts"

const token = "hrld_0123456789abcdef"
const quick = { baseMillis: 5, capMillis: 20 }
/** Milliseconds that nothing but `connect` itself waits. */
const TIME = 54_321

/** An HTTP proxy that leads every CONNECT to `port`. */
const proxy = async (port: number) => {
  const asked: Array<string> = []
  const secrets: Array<string | undefined> = []
  const sockets = new Set<Socket>()
  const server = createServer()
  server.on("connect", (request, client: Socket) => {
    asked.push(request.url ?? "")
    secrets.push(request.headers["proxy-authorization"])
    const up = connectTcp(port, "127.0.0.1", () => client.write("HTTP/1.1 200 OK\r\n\r\n"))
    client.pipe(up).pipe(client)
    for (const socket of [client, up]) sockets.add(socket.on("error", () => {}))
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { asked, secrets, address: `127.0.0.1:${(server.address() as AddressInfo).port}` }
}

const withEnv = (env: Record<string, string>) => {
  const before = { ...process.env }
  Object.assign(process.env, env)
  onTestFinished(() => {
    for (const name of Object.keys(env)) delete process.env[name]
    Object.assign(process.env, before)
  })
}

const greeted = async (...options: Parameters<typeof WireServer.start>) => {
  const server = await WireServer.start(...options)
  server.greeting = [value("shop", 1, "served"), synced(1)]
  onTestFinished(() => server.stop())
  return server
}

describe("proxies", () => {
  it("DA1: of the environment get nothing: neither the token nor a connection", async () => {
    const server = await greeted()
    const { asked, address } = await proxy(Number(server.address.split(":")[1]))
    for (const name of ["http_proxy", "https_proxy", "grpc_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"]) {
      withEnv({ [name]: `http://${address}` })
    }
    withEnv({ no_proxy: "", NO_PROXY: "" })
    await using client = await HeraldClient.connect({ address: server.address, service: "shop", token })
    assert.isTrue(await client.reportHealth("healthy"))

    assert.deepStrictEqual([client.get("shop"), asked], ["served", []])
  })

  it("DA1: that are asked for are not used for this machine, in any of its spellings", async () => {
    const server = await greeted()
    const port = server.address.split(":")[1]
    const { asked, address } = await proxy(Number(port))
    for (const host of ["127.0.0.1", "localhost"]) {
      const options = { address: `${host}:${port}`, service: "shop", instance: host, proxy: `http://${address}` }
      await using client = await HeraldClient.connect(options)
      assert.strictEqual(client.get("shop"), "served")
    }
    assert.deepStrictEqual(asked, [])
  })

  it("that are asked for are used, with their user and the server's own name", async () => {
    const server = await greeted()
    const { asked, secrets, address } = await proxy(Number(server.address.split(":")[1]))
    const options = { address: "herald.example:50051", service: "shop", token, proxy: `http://me:pa%20ss@${address}` }
    await using client = await HeraldClient.connect(options)

    assert.strictEqual(client.get("shop"), "served")
    assert.deepStrictEqual([asked, secrets], [["herald.example:50051"], [`Basic ${btoa("me:pa ss")}`]])
    assert.strictEqual(server.calls[0]?.getHost(), "herald.example:50051")
  })
})

describe("TLS", () => {
  const secured = (made: Certificates) =>
    ServerCredentials.createSsl(null, [
      { private_key: readFileSync(made.key), cert_chain: readFileSync(made.certificate) }
    ])
  const folder = () => {
    const { path, remove } = newFolder()
    onTestFinished(remove)
    return path
  }
  const tls = ({ trusted }: Certificates) => ({ rootCertificates: trusted.ca })
  /** Why it fails: the time that `connect` has is over when it has been refused, however long that takes. */
  const fails = async (options: object) => {
    let late = () => {}
    const after: Clock["after"] = (millis, task) => {
      if (millis !== TIME) return systemClock.after(millis, task)
      late = task
      return () => {}
    }
    const onEvent = ({ type }: ClientEvent) => void (type === "disconnected" && late())
    return HeraldClient.connect(
      { service: "shop", reconnect: quick, connectTimeoutMillis: TIME, onEvent, ...options } as never,
      { clock: { ...systemClock, after } }
    ).then(
      (client) => client.close().then(() => "connected"),
      (error) => String(error)
    )
  }

  it("DA2: to an IP address works when the certificate is for it, and only then", async () => {
    const made = makeCertificates(folder(), "IP:127.0.0.1")
    const server = await greeted(0, secured(made))
    await using client = await HeraldClient.connect({ address: server.address, service: "shop", tls: tls(made) })
    assert.strictEqual(client.get("shop"), "served")

    const port = server.address.split(":")[1]
    assert.match(await fails({ address: `localhost:${port}`, tls: tls(made) }), /HRLD-5101.*localhost/)
    const named = makeCertificates(folder(), "DNS:localhost")
    const other = await greeted(0, secured(named))
    assert.match(await fails({ address: other.address, tls: tls(named) }), /HRLD-5101.*(altnames|IP)/)
  })

  it("checks against serverName when that is given, a name or an IP address", async () => {
    const made = makeCertificates(folder(), "DNS:herald.internal,IP:10.9.8.7")
    const server = await greeted(0, secured(made))
    for (const serverName of ["herald.internal", "10.9.8.7"]) {
      const options = {
        address: server.address,
        service: "shop",
        instance: serverName,
        tls: { ...tls(made), serverName }
      }
      await using client = await HeraldClient.connect(options)
      assert.strictEqual(client.get("shop"), "served")
    }
    const wrong = { ...tls(made), serverName: "10.9.8.8" }
    assert.match(await fails({ address: server.address, tls: wrong }), /HRLD-5101/)
  })

  it("OP1: a key and a certificate that do not belong together are refused at once", async () => {
    const [one, other] = [makeCertificates(folder()), makeCertificates(folder())]
    const pair = { privateKey: readFileSync(one.key), certificateChain: readFileSync(other.certificate) }
    assert.match(await fails({ address: "a:1", tls: pair }), /HRLD-1001.*do not fit/)
    assert.match(await fails({ address: "a:1", tls: { privateKey: pair.privateKey } }), /HRLD-1001.*belong together/)
  })
})

describe("tokens", () => {
  it("BT1: are in no error, state or event, whatever the token function or the server does", async () => {
    const server = await greeted()
    server.refusal = { code: 16, details: `HRLD-3001 unknown token ${token}` }
    const said: Array<unknown> = []
    const answers: Array<() => unknown> = [
      () => token,
      () => `${token}\n`,
      () => {
        throw new Error(`vault said ${token} is old`)
      },
      () => Promise.reject({ token }),
      () => ({ token })
    ]
    let asked = 0
    await using client = await HeraldClient.connect({
      address: server.address,
      service: "shop",
      token: (() => answers[asked++ % answers.length]?.()) as never,
      defaults: { shop: 1 },
      reconnect: quick,
      onEvent: (event: ClientEvent) => void said.push(event),
      onStateChange: (...all) => void said.push(all),
      logger: (line) => void said.push(line)
    })
    for (const why of [/line break/, /vault said/, /is a object/, /unknown token/]) {
      await until(() => said.some((one) => why.test(JSON.stringify(one))))
    }
    const report = await client.reportHealth("healthy").catch((error) => error)
    said.push(String(report), JSON.stringify(report))

    assert.notInclude(JSON.stringify(said), token)
  })

  it("BT2: that do not come in time end the attempt, within connect's own limit", async () => {
    const server = await greeted()
    const signals: Array<AbortSignal> = []
    const error = await HeraldClient.connect({
      address: server.address,
      service: "shop",
      token: ({ signal }) => {
        signals.push(signal)
        return new Promise<string>(() => {})
      },
      reconnect: quick,
      connectTimeoutMillis: 50
    }).catch((e) => e)

    assert.match(String(error), /HRLD-5101/)
    assert.isTrue(signals.every(({ aborted }) => aborted))
    const late = {
      address: server.address,
      service: "shop",
      reconnect: quick,
      connectTimeoutMillis: 50,
      defaults: { shop: 1 }
    }
    const events: Array<string> = []
    await using client = await HeraldClient.connect({
      ...late,
      token: () => new Promise<string>(() => {}),
      onEvent: (event) => void events.push(JSON.stringify(event))
    })
    await until(() => events.some((event) => event.includes("the token function did not answer in 50 ms")))
    assert.strictEqual(client.state, "stale")
  })
})

it("an IPv6 address is dialled as it is written", async () => {
  const server = await greeted(0, undefined, "[::1]")
  await using client = await HeraldClient.connect({ address: server.address, service: "shop" })
  assert.deepStrictEqual([client.get("shop"), server.address.startsWith("[::1]:")], ["served", true])
})
