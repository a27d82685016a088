/**
 * Checks what an application says of topics, before anything is opened. Pure.
 *
 *   QN2  Wrong options of topics, their readers, consumers and producers are an `OptionError` at once, unknown names too: none is left unread, none ends
 *        as a stream that never comes. Each is read once.
 */
import { Overflow } from "../../../proto/generated/herald/topics/v1/topics.ts"
import type { GrpcOptions } from "../GrpcCalls.ts"
import {
  addressesOf,
  copied,
  functionsOf,
  millis,
  proxyOf,
  reconnectOf,
  refuse,
  shown,
  tlsOf,
  tokenOf,
  whole
} from "../OptionChecks.ts"
import type { ConsumeOptions, FailOptions } from "./Consumed.ts"
import { type Beginning, beginningOf, isPartition, mostPartitions } from "./From.ts"
import type { HandleOptions } from "./Handling.ts"
import type { ProducerOptions, SendOptions } from "./OpenProducer.ts"
import type { ReadOptions } from "./ReadOptions.ts"
import type { PublishOptions, TopicsOptions } from "./Topics.ts"
import { isOfHttp } from "./WebSocketTopics.ts"

type Names<O> = ReadonlyArray<keyof O & string>
type Given<O> = { readonly [K in keyof O]?: unknown }

/** QN2 */
const read = <O>(options: unknown, what: string, names: Names<O>): Given<O> => copied(options, what, names) as Given<O>

const topicsNames: Names<TopicsOptions> = [
  ...(["address", "token", "tokenMillis", "tls", "proxy", "reconnect", "openMillis", "logger"] as const)
]

/** Throws `OptionError`. */
export const checkedTopics = (options: TopicsOptions) => {
  const given = read<TopicsOptions>(options, "", topicsNames)
  const all: ReadonlyArray<unknown> = Array.isArray(given.address) ? given.address : [given.address]
  const overHttp = all.length > 0 && all.every((one) => typeof one === "string" && isOfHttp(one))
  if (overHttp && (given.tls !== undefined || given.proxy !== undefined))
    refuse(`${given.tls === undefined ? "proxy" : "tls"} is for gRPC, and the address is of HTTP. Leave it out.`)
  functionsOf(given, ["logger"])
  const dialling: GrpcOptions = {
    address: overHttp ? (all as ReadonlyArray<string>) : addressesOf(given.address),
    token: tokenOf(given.token),
    tokenMillis: millis("tokenMillis", given.tokenMillis, 10_000),
    tls: tlsOf(given.tls),
    proxy: proxyOf(given.proxy)
  }
  return {
    dialling,
    reconnect: reconnectOf(given.reconnect),
    openMillis: millis("openMillis", given.openMillis, 30_000),
    logger: (given.logger as TopicsOptions["logger"]) ?? console.error
  }
}

const overflows = {
  block: Overflow.OVERFLOW_BLOCK,
  conflate: Overflow.OVERFLOW_CONFLATE,
  "drop-oldest": Overflow.OVERFLOW_DROP_OLDEST,
  disconnect: Overflow.OVERFLOW_DISCONNECT
}

const listed = <A>(name: string, value: unknown, is: (one: unknown) => one is A, of: string): ReadonlyArray<A> => {
  if (value === undefined) return []
  return Array.isArray(value) && value.every(is) ? [...value] : refuse(`${name} is no list of ${of}.`)
}
const isText = (one: unknown): one is string => typeof one === "string"

export interface CheckedRead extends Pick<ReadOptions, "onGap" | "onLive" | "onFiltered" | "onReconnect"> {
  readonly begins: Beginning
  readonly filter: string
  readonly fields: ReadonlyArray<string>
  readonly partitions: ReadonlyArray<number>
  readonly delta: boolean
  readonly overflow: Overflow
}

const readNames: Names<ReadOptions> = [
  ...(["from", "filter", "fields", "delta", "partitions", "overflow"] as const),
  ...(["onGap", "onLive", "onFiltered", "onReconnect"] as const)
]

/** Throws `OptionError`. */
export const checkedRead = (options: ReadOptions, topic: string): CheckedRead => {
  const given = read<ReadOptions>(options, "", readNames)
  functionsOf(given, ["onGap", "onLive", "onFiltered", "onReconnect"])
  const { filter = "", delta = false, overflow = "block" } = given
  if (typeof filter !== "string") return refuse(`filter is ${shown(filter)}. Give a text of CEL.`)
  if (typeof delta !== "boolean") return refuse("delta is neither true nor false.")
  if (typeof overflow !== "string" || !Object.hasOwn(overflows, overflow))
    return refuse(`overflow is ${shown(overflow)}. It is ${Object.keys(overflows).join(", ")}.`)
  const asked = listed("partitions", given.partitions, isPartition, `numbers from 0 to ${mostPartitions - 1}`)
  const begins = beginningOf(given.from, topic)
  if (begins.only !== undefined && asked.length > 0 && !asked.includes(begins.only))
    refuse(`from is an event of partition ${begins.only}, which is not among partitions.`)
  const { onGap, onLive, onFiltered, onReconnect } = given as ReadOptions
  return {
    ...{ begins, filter, delta, onGap, onLive, onFiltered, onReconnect },
    fields: listed("fields", given.fields, isText, "names of fields"),
    partitions: begins.only === undefined ? asked : [begins.only],
    overflow: overflows[overflow as keyof typeof overflows]
  }
}

/** Of a subscription. Throws `OptionError`. */
export const checkedName = (name: unknown): string =>
  typeof name === "string" && name !== "" && name.length <= 128
    ? name
    : refuse("a subscription's name is a text of 1 to 128 characters.")

const consumeNames = ["consumer", "prefetch", "limitMillis", "onGap", "onState", "onReconnect"] as const

/** Throws `OptionError`. */
export const checkedConsume = (options: ConsumeOptions) => {
  const given = read<ConsumeOptions>(options, "", consumeNames)
  functionsOf(given, ["onGap", "onState", "onReconnect"])
  const { consumer = "" } = given
  if (typeof consumer !== "string" || consumer.length > 128 || !consumer.isWellFormed())
    return refuse(`consumer is ${shown(consumer)}. It is a text of 1 to 128 characters, or left out.`)
  const { onGap, onState, onReconnect } = given as ConsumeOptions
  return {
    ...{ consumer, onGap, onState, onReconnect },
    prefetch: whole("prefetch", given.prefetch, 256, 10_000),
    limitMillis: millis("limitMillis", given.limitMillis, 600_000)
  }
}

/** What is only for handlers, and the rest. Throws `OptionError`. */
export const checkedHandle = (options: HandleOptions) => {
  const { concurrency, ...rest } = read<HandleOptions>(options, "", ["concurrency", ...consumeNames])
  return { concurrency: whole("concurrency", concurrency, 1, 10_000), options: rest as ConsumeOptions }
}

/** Throws `OptionError`. */
export const checkedProducer = (options: ProducerOptions) => {
  const given = read<ProducerOptions>(options, "", ["id", "inFlight", "file", "onRefused"])
  functionsOf(given, ["onRefused"])
  const { id, file } = given
  if (typeof id !== "string" || id === "" || id.length > 128)
    return refuse(`id is ${shown(id)}. It is a text of 1 to 128 characters.`)
  if (file !== undefined && (typeof file !== "string" || file === "")) return refuse("file is no path of a file.")
  const { onRefused } = given as ProducerOptions
  return { id, file, onRefused, inFlight: whole("inFlight", given.inFlight, 4, 64) }
}

const partitionOf = (partition: unknown): number | undefined =>
  partition === undefined || isPartition(partition)
    ? partition
    : refuse(
        `partition is ${typeof partition === "number" ? partition : shown(partition)}. It is 0 to ${mostPartitions - 1}.`
      )

/** Throws `OptionError`. */
export const checkedPublish = (options: PublishOptions): number | undefined =>
  partitionOf(read<PublishOptions>(options, "", ["partition"]).partition)

/** Throws `OptionError`. */
export const checkedSend = (options: SendOptions): SendOptions => {
  const { partition, sequence } = read<SendOptions>(options, "", ["partition", "sequence"])
  return { partition: partitionOf(partition), sequence: sequence as number | undefined }
}

/** Milliseconds. */
const longestDelay = 86_400_000

/** Throws `OptionError`. */
export const checkedFail = (options: FailOptions): { readonly delayMillis: number; readonly reason: string } => {
  const { delayMillis = 0, reason = "" } = read<FailOptions>(options, "", ["delayMillis", "reason"])
  if (!(typeof delayMillis === "number" && delayMillis >= 0 && delayMillis <= longestDelay))
    return refuse("delayMillis is 0 to 86,400,000.")
  return {
    delayMillis,
    reason: typeof reason === "string" ? reason : refuse(`reason is ${shown(reason)}. Give a text.`)
  }
}
