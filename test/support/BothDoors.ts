/** A whole node in this process on memory twins: its HTTP door as a function, its gRPC door on a socket. */
import { type Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js"
import { Effect, Layer, ManagedRuntime } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { type GrpcOptions, GrpcServer } from "../../layers/Grpc/GrpcServer.ts"
import {
  PublishingServiceClient,
  PublishManyRequest,
  type PublishManyResponse,
  PublishRequest,
  type PublishResponse,
  type PublishResult
} from "../../proto/generated/herald/publishing/v1/publishing.ts"
import { Access } from "../../src/access/Access.ts"
import { CurrentIdentity, type Role, system } from "../../src/access/Identity.ts"
import { routerConfig, routesOf } from "../../src/edge/http/Http.ts"
import { grpc, http } from "../../src/node/Node.ts"
import { node, stores, type TestNodeOptions } from "../../src/testing.ts"

/** As in Door.ts. */
const standing = { server: process.env["HERALD_TEST_GRPC"] as GrpcOptions["server"] }

export type Item = Partial<PublishRequest>

export interface Outcome {
  /** `OK`, or an error's code. */
  readonly code: string
  readonly version: number
  readonly digest: string
  readonly type: string
  readonly replayed: boolean
}

export const openBoth = async (options: Partial<TestNodeOptions> = {}, door: Partial<GrpcOptions> = {}) => {
  const runtime = ManagedRuntime.make(
    GrpcServer.layer({ host: "127.0.0.1", port: 0, maxStreams: 200, ...standing, ...door }, grpc).pipe(
      Layer.provideMerge(Layer.fresh(node(options).pipe(Layer.provideMerge(stores))))
    )
  )
  const context = await runtime.context()
  const { port } = await runtime.runPromise(GrpcServer)
  const { handler, dispose } = HttpRouter.toWebHandler(
    routesOf(http).pipe(
      Layer.provideMerge(Layer.succeedContext(context)),
      Layer.provideMerge(HttpServer.layerServices)
    ),
    { disableLogger: true, routerConfig }
  )
  const tokens = new Map<string, string>()
  const ids = new Map<string, string>()
  const mint = async (name: string, role: Role, environments: ReadonlyArray<string>) => {
    const made = await runtime.runPromise(
      Effect.flatMap(Access, (access) =>
        access.createKey({ name, role, environments, expiresAt: null, add: true })
      ).pipe(Effect.provideService(CurrentIdentity, system))
    )
    tokens.set(name, made.token)
    ids.set(name, made.key.id)
  }
  await mint("admin", "admin", ["*"])

  const call = async (
    method: string,
    path: string,
    { as = "admin", body, headers = {} }: { as?: string; body?: unknown; headers?: Record<string, string> } = {}
  ) => {
    const text = body === undefined || typeof body === "string" ? body : JSON.stringify(body)
    const token = tokens.get(as)
    const response = await handler(
      new Request(`http://localhost${path}`, {
        method,
        headers: {
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(text === undefined
            ? {}
            : { "content-type": "application/json", "content-length": String(Buffer.byteLength(text)) }),
          ...headers
        },
        ...(text === undefined ? {} : { body: text })
      })
    )
    // biome-ignore lint/suspicious/noExplicitAny: bodies of every route
    return { status: response.status, headers: response.headers, body: (await response.json()) as any }
  }

  const clients: Array<Client> = []
  const client = () => {
    const made = new PublishingServiceClient(`127.0.0.1:${port}`, credentials.createInsecure())
    clients.push(made)
    return made
  }
  const shared = client()
  const metadataOf = (as: string, more: Readonly<Record<string, string>> = {}) => {
    const metadata = new Metadata()
    const token = tokens.get(as)
    if (token !== undefined) metadata.set("authorization", `Bearer ${token}`)
    for (const [name, value] of Object.entries(more)) metadata.set(name, value)
    return metadata
  }

  const unary = (item: Item, as = "admin", deadline?: number) =>
    new Promise<{ readonly answer?: PublishResponse; readonly error?: ServiceError }>((resolve) =>
      shared.publish(
        PublishRequest.fromPartial(item),
        metadataOf(as),
        deadline === undefined ? {} : { deadline },
        (error, answer) => resolve(error === null ? { answer: answer! } : { error })
      )
    )

  /** Sends all messages, ends its half, and waits for the end. */
  const many = (messages: ReadonlyArray<Partial<PublishManyRequest>>, as = "admin") =>
    new Promise<{ readonly results: ReadonlyArray<PublishResult>; readonly code: number; readonly details: string }>(
      (resolve) => {
        const stream = shared.publishMany(metadataOf(as))
        const results: Array<PublishResult> = []
        stream.on("data", (answer: PublishManyResponse) => results.push(...answer.results))
        stream.on("error", () => {})
        stream.on("status", ({ code, details }) => resolve({ results, code, details }))
        for (const message of messages) stream.write(PublishManyRequest.fromPartial(message))
        stream.end()
      }
    )

  return {
    port,
    runtime,
    call,
    mint,
    ids,
    unary,
    many,
    client,
    metadataOf,
    close: async () => {
      for (const one of clients) one.close()
      await dispose()
      await runtime.dispose()
    }
  }
}

export type BothDoors = Awaited<ReturnType<typeof openBoth>>

export const outcomeOf = (result: PublishResult | undefined): Outcome => {
  const outcome = result?.outcome
  if (outcome?.$case !== "published") return refusedWith(outcome?.value.code ?? "nothing")
  const { version, digest, type, replayed } = outcome.value
  return { code: "OK", version: Number(version), digest, type, replayed }
}

export const refusedWith = (code: string): Outcome => ({ code, version: 0, digest: "", type: "", replayed: false })
