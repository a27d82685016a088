/** What is used of kafkajs behind its public door: connections, and requests of other versions than its own. */
import type { Kafka } from "kafkajs"
import { Reader } from "./Bytes.ts"
import type { Address } from "./Describing.ts"
import type { Call } from "./Protocol.ts"

interface Request<A> {
  readonly request: {
    readonly apiKey: number
    readonly apiVersion: number
    readonly apiName: string
    /** What kafkajs takes for an encoder: `buf` is looked at, `buffer` is sent. */
    readonly encode: () => Promise<{ readonly buffer: Buffer; readonly buf: Buffer }>
  }
  readonly response: {
    readonly decode: (raw: Buffer) => Promise<{ readonly clientSideThrottleTime: number; readonly answer: A }>
    readonly parse: (decoded: { readonly answer: A }) => Promise<A>
  }
  readonly requestTimeout: number
  readonly logResponseError: boolean
}

interface Pool {
  readonly send: <A>(request: Request<A>) => Promise<A>
}

export interface Broker {
  /** The newest version of each request that it speaks, by its number; not known before it is connected. */
  readonly versions?: Readonly<Record<number, { readonly maxVersion: number }>> | null
  readonly connectionPool: Pool
  readonly connect: () => Promise<void>
  readonly disconnect: () => Promise<void>
}

/** What is used of kafkajs behind its public door. It is held by tests, and by the exact version in package.json. */
export interface Inside {
  readonly rootLogger: unknown
  readonly connectionPoolBuilder: {
    readonly build: (at?: Address) => Promise<Pool>
  }
  readonly brokerPool: {
    readonly createBroker: (options: { readonly connectionPool: Pool; readonly logger: unknown }) => Broker
  }
}

export const clusterOf = (kafka: Kafka): Inside => {
  const door = Object.getOwnPropertySymbols(kafka).find(
    ({ description }) => description === "private:Kafka:createCluster"
  )
  const make = door && (kafka as unknown as Record<symbol, (options: object) => Inside>)[door]
  if (make === undefined) throw new Error("this version of kafkajs makes connections in another way")
  return make.call(kafka, { allowAutoTopicCreation: false })
}

/** `patience`: milliseconds until its answer. */
export const requestOf = <A>({ name, key, version, body, read }: Call<A>, patience: number): Request<A> => ({
  request: { apiKey: key, apiVersion: version, apiName: name, encode: async () => ({ buffer: body, buf: body }) },
  response: {
    decode: async (raw) => ({ clientSideThrottleTime: 0, answer: read(new Reader(raw)) }),
    parse: async ({ answer }) => answer
  },
  requestTimeout: patience,
  logResponseError: false
})
