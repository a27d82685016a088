/**
 * Connects to Kafka, by kafkajs. Its log goes to ours at debug, as it calls ordinary waiting an error.
 *
 *   KC1  A broker may be given by its IPv6 address, in brackets, although kafkajs cuts addresses at the first colon.
 */
import { isIP, connect as overTcp } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { connect as overTls } from "node:tls"
import { Effect, Redacted } from "effect"
import { type ISocketFactory, Kafka, logLevel } from "kafkajs"
import { parseAddress } from "../../../src/net/Address.ts"

export interface KafkaOptions {
  /** host:port */
  readonly brokers: ReadonlyArray<string>
  readonly topic: string
  readonly tls: boolean
  /** SASL/SCRAM-SHA-512; absent: none. */
  readonly username: string | undefined
  readonly password: Redacted.Redacted | undefined
  /** The name of this node, part of the name of its own consumer group. */
  readonly node: string
}

const KEEP_ALIVE = 60_000

/** KC1: a name without a colon for each IPv6 address, and sockets that know what it stands for. */
export const reachable = (brokers: ReadonlyArray<string>) => {
  const standIns = new Map<string, string>()
  const given = brokers.map((broker) => {
    const parsed = parseAddress(broker)
    if ("wrong" in parsed || !parsed.host.includes(":")) return broker
    const name = `ipv6-${parsed.host.replaceAll(/[:%]/g, "-")}.invalid`
    standIns.set(name, parsed.host)
    return `${name}:${parsed.port}`
  })
  const socketFactory: ISocketFactory = ({ host: asked, port, ssl, onConnect }) => {
    const host = standIns.get(asked) ?? asked
    const named = isIP(host) === 0 ? { servername: host } : {}
    const socket = ssl ? overTls({ host, port, ...named, ...ssl }, onConnect) : overTcp({ host, port }, onConnect)
    return socket.setKeepAlive(true, KEEP_ALIVE)
  }
  return { brokers: given, socketFactory }
}

export const CLIENT_ID = "herald"

export const connectionOf = Effect.fnUntraced(function* ({ brokers, tls, username, password }: KafkaOptions) {
  const run = Effect.runForkWith(yield* Effect.context<never>())
  return new Kafka({
    clientId: CLIENT_ID,
    ...reachable(brokers),
    ssl: tls,
    ...(username === undefined
      ? {}
      : {
          sasl: {
            mechanism: "scram-sha-512",
            username,
            password: password === undefined ? "" : Redacted.value(password)
          }
        }),
    connectionTimeout: 3_000,
    authenticationTimeout: 5_000,
    requestTimeout: 10_000,
    retry: { retries: 3, initialRetryTime: 100, maxRetryTime: 2_000 },
    logLevel: logLevel.WARN,
    logCreator:
      () =>
      ({ namespace, log: { message, error } }) =>
        void run(Effect.logDebug("kafkajs says", { namespace, said: message, reason: error }))
  })
})

/** Waits up to `millis` for `leave`. Not by interruption: in the finalizer of an interrupted fiber that would end the wait at once. */
export const farewell = (leave: () => Promise<void>, millis: number) =>
  Effect.promise(() => Promise.race([leave().catch(() => {}), sleep(millis, undefined, { ref: false })]))
