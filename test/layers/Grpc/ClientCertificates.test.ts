/** Certificates of clients at the gRPC door: who is asked for one, whose is refused, and what handlers know of it. */
import { mkdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, assert, describe, it } from "@effect/vitest"
import { credentials, makeGenericClientConstructor, type ServiceError } from "@grpc/grpc-js"
import { Effect } from "effect"
import type { GrpcOptions } from "../../../layers/Grpc/GrpcServer.ts"
import type { Service } from "../../../src/edge/grpc/Service.ts"
import { OK } from "../../../src/edge/grpc/Status.ts"
import { hearOne } from "../../../src/edge/grpc/Unary.ts"
import { makeCertificates } from "../../support/Certificates.ts"
import { Door, metadataOf } from "../../support/Door.ts"
import { newFolder } from "../../support/folder.ts"
import { counted } from "../../support/Stranger.ts"

const folder = newFolder()
afterAll(() => folder.remove())
const pair = (name: string) => {
  mkdirSync(join(folder.path, name))
  return makeCertificates(join(folder.path, name), `DNS:${name},DNS:localhost`)
}
const [server, client, stranger] = [pair("server"), pair("client"), pair("stranger")]

const asItIs = (bytes: Buffer) => bytes
const say = {
  ...{ path: "/herald.who.v1.Who/Say", requestStream: false, responseStream: false },
  ...{ requestSerialize: asItIs, requestDeserialize: asItIs, responseSerialize: asItIs, responseDeserialize: asItIs }
} as const

/** Says whom the caller's certificate names. */
const who: Service<never> = {
  ...{ definition: { say }, descriptors: "herald", permission: "config.write" },
  serve: () =>
    Effect.succeed({
      handlers: {
        say: (call) =>
          hearOne(call, () => {
            call.send(Buffer.from(call.certificate()?.subjectAltNames.join(", ") ?? "nobody"))
            call.end(OK)
          })
      },
      drain: Effect.void
    })
}

const open = (options: Partial<GrpcOptions>) => {
  const tls = { cert: server.certificate, key: server.key, clientCa: client.ca }
  return Door.open({ tls, ...options }, [who])
}

/** What a caller with this certificate is told; undefined: it never gets so far. */
const called = (door: Door, shows?: typeof client): Promise<string | undefined> => {
  const files = shows === undefined ? [] : [readFileSync(shows.key), readFileSync(shows.certificate)]
  const secured = credentials.createSsl(readFileSync(server.ca), ...files)
  const Who = makeGenericClientConstructor({ say }, "Who")
  const stub = new Who(door.address.replace("127.0.0.1", "localhost"), secured)
  return new Promise((resolve) =>
    stub["say"]!(Buffer.alloc(0), metadataOf(`Bearer ${door.token}`), (error: ServiceError | null, answer: Buffer) => {
      stub.close()
      resolve(error === null ? String(answer) : undefined)
    })
  )
}

describe("certificates of clients", () => {
  it("LV4 optional: who shows none is served, who shows a good one is known, a wrong one is refused", async () => {
    await using door = await open({ server: "lane" })
    const refused = counted("grpc", "client_certificate")
    assert.deepStrictEqual(
      [await called(door), await called(door, client), await called(door, stranger)],
      ["nobody", "DNS:client, DNS:localhost", undefined]
    )
    assert.isAbove(await refused(), 0)
  })

  it.each(["lane", "grpc-js"] as const)(
    "LV4 required, on %s: a good one is known, all others are refused",
    async (on) => {
      await using door = await open({ server: on, clientCertificates: "required" })
      const refused = counted("grpc", "client_certificate")
      assert.deepStrictEqual(
        [await called(door), await called(door, client), await called(door, stranger)],
        [undefined, "DNS:client, DNS:localhost", undefined]
      )
      if (on === "lane") assert.isAbove(await refused(), 1)
    }
  )
})
