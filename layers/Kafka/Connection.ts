/** How Herald reaches Kafka: kafkajs, whose log goes to ours at debug, for it calls ordinary waiting an error. */
import { setTimeout as sleep } from "node:timers/promises"
import { Effect, Redacted } from "effect"
import { Kafka, logLevel } from "kafkajs"

export interface KafkaOptions {
  /** host:port */
  readonly brokers: ReadonlyArray<string>
  readonly topic: string
  readonly tls: boolean
  /** SASL/SCRAM-SHA-512; absent: none. */
  readonly username: string | undefined
  readonly password: Redacted.Redacted | undefined
  /** The name of this node: part of the group of its own. */
  readonly node: string
}

export const CLIENT_ID = "herald"

export const connectionOf = Effect.fnUntraced(function* ({ brokers, tls, username, password }: KafkaOptions) {
  const run = Effect.runForkWith(yield* Effect.context<never>())
  return new Kafka({
    clientId: CLIENT_ID,
    brokers: [...brokers],
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
        void run(Effect.logDebug(`kafka: ${message}`, { namespace, error }))
  })
})

/** Waits for a good-bye, for a while. Not by interruption: a finalizer of an interrupted fiber would be cut off at once. */
export const farewell = (leave: () => Promise<void>, millis: number) =>
  Effect.promise(() => Promise.race([leave().catch(() => {}), sleep(millis, undefined, { ref: false })]))
