/**
 * A subscription for a person to look at: one stream after the other, until refused for good.
 *
 *   CS1  What was shown is told to the server on reconnect, key by key and without a position, which would also cover
 *        keys that were on their way: nothing is shown twice and nothing is missed. However much that is, it goes in as many messages as
 *        it takes.
 *   CS2  A content whose digest is wrong is rejected, not shown.
 *   CS3  A silent stream (no update, no heartbeat) is cut after `SILENCE` and opened again.
 *   CS4  What waits to be shown is at most `WAITING` and one update: the stream is read no further meanwhile, and the server keeps the newest
 *        of each key.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type { ConfigUpdate, SubscribeRequest } from "../../../../proto/generated/herald/distribution/v1/distribution.ts"
import { hello } from "../../../client/Held.ts"
import type { Ended, Stream, Transport } from "../../../client/Transport.ts"
import { byCode, catalogue, type ErrorName } from "../../../errors/Catalogue.ts"
import { parseAddress } from "../../../net/Address.ts"
import { backoff } from "../../../net/Backoff.ts"
import { plainly } from "../../../net/Reason.ts"
import { printable } from "../../../text/Printable.ts"
import { type CliFailure, known, stranger, unreachable, usage } from "../../CliFailure.ts"
import { signedIn } from "../../Hints.ts"
import { Shell } from "../../Shell.ts"
import type { Target } from "../../Target.ts"

/** Milliseconds. */
const HEARTBEAT = 30_000
const SILENCE = 90_000
/** Bytes. */
const WAITING = 1_048_576
const AGAIN = { first: 250, longest: 5_000, spread: 1 }
const SETTING = "--grpc or HERALD_GRPC"

export interface Shown {
  readonly content: string
  readonly version: number
  readonly revision: bigint
  readonly digest: string
}

export interface Wanted {
  readonly service: string
  readonly instance: string
  readonly environment: string
  readonly keys: ReadonlyArray<string>
  readonly labels: Readonly<Record<string, string>>
}

/** gRPC is loaded only by those who stream. */
export const OpenTransport = Context.Reference<
  (target: Target) => Promise<{ readonly transport: Transport; readonly digest: (content: Uint8Array) => string }>
>("herald/cli/OpenTransport", {
  defaultValue: () => async (target) => {
    const [{ GrpcTransport }, { sha256 }] = await Promise.all([
      import("../../../client/GrpcTransport.ts"),
      import("../../../client/Platform.ts")
    ])
    return {
      transport: new GrpcTransport({ address: target.grpc, token: target.token, tls: target.tls }),
      digest: sha256
    }
  }
})

const empty: SubscribeRequest = {
  serviceName: "",
  instanceId: "",
  version: 0n,
  metadata: {},
  environment: "",
  keys: [],
  position: undefined,
  held: [],
  acceptsDelta: false,
  control: true,
  acks: [],
  heartbeat: false,
  heldMore: false
}

/** Refusals that only a person can end. */
const final = new Set<ErrorName>([
  "Unauthenticated",
  "Forbidden",
  "SessionReplaced",
  "KeyRevoked",
  "InvalidInput",
  "InvalidKey"
])

const reasonOf = (ended: Ended): string => plainly(ended.message) || "the server closed the stream"

export const refusal = (target: Target, ended: Ended): CliFailure | undefined => {
  const row = byCode(ended.code ?? "") ?? (ended.status === 16 ? byCode(catalogue.Unauthenticated.code) : undefined)
  if (row !== undefined && (ended.hopeless || final.has(row.name)))
    return signedIn(target, known(row.name, reasonOf(ended)))
  if (ended.status === 12) {
    return unreachable(target.grpc, "something answers there, but it is not Herald's gRPC port", SETTING)
  }
  return undefined
}

type Event =
  | { readonly _tag: "update"; readonly update: ConfigUpdate }
  | { readonly _tag: "ended"; readonly ended: Ended }

/** How many bytes an update takes while it waits, roughly: its key, its texts and what holds them. */
const sizeOf = ({ content }: ConfigUpdate): number => content.length + 512

/** How an update is shown; `before` is what was shown of the key until now. */
export type Show = (update: ConfigUpdate, content: string, before: Shown | undefined) => Effect.Effect<void>

export const follow = Effect.fn("Stream.follow")(function* (target: Target, wanted: Wanted, show: Show) {
  const shell = yield* Shell
  const address = parseAddress(target.grpc)
  if ("wrong" in address) return yield* usage(`${target.grpc} ${address.wrong}`, `Give ${SETTING} as host:port.`)
  const open = yield* OpenTransport
  const { transport, digest } = yield* Effect.promise(() => open(target))
  const held = new Map<string, Shown>()
  let connectedOnce = false
  let attempt = 0
  let unsure = false

  /** CS1 */
  const greeting = () => {
    const first: SubscribeRequest = {
      ...empty,
      serviceName: wanted.service,
      instanceId: wanted.instance,
      environment: wanted.environment,
      metadata: { ...wanted.labels },
      keys: [...wanted.keys]
    }
    const taken = Buffer.byteLength(JSON.stringify([wanted.service, wanted.labels, wanted.keys])) + 1_024
    const all = [...held].map(([key, { digest, revision }]) => ({ key, digest, revision }))
    return hello(
      first,
      taken,
      all,
      () => empty,
      (hex) => Buffer.from(hex, "hex")
    )
  }
  const answer = (stream: Stream, update: ConfigUpdate, reason: string) =>
    stream.send({
      ...empty,
      acks: [
        { key: update.key, revision: update.revision, outcome: reason === "" ? 1 : 2, reason, epoch: update.epoch }
      ]
    })

  const take = Effect.fnUntraced(function* (stream: Stream, update: ConfigUpdate) {
    const kind: number = update.kind
    if ((kind === 2 || kind === 3) && update.stale !== unsure) {
      unsure = update.stale
      yield* shell.progress(
        unsure ? "the server can't reach its database: what is shown may not be the newest" : "the server is sure again"
      )
    }
    if (kind === 2) {
      attempt = 0
      const keys = held.size === 1 ? "1 key" : `${held.size} keys`
      yield* shell.progress(
        `${connectedOnce ? "connected again" : `connected to ${target.grpc} as ${wanted.instance}`}: ${keys}, up to date`
      )
      connectedOnce = true
    } else if (kind === 5) {
      yield* shell.progress(printable(`${update.key} can't be delivered to this client: ${update.message}`))
    } else if (kind === 0) {
      const content = Buffer.from(update.content)
      if (digest(content) !== update.digest) {
        yield* shell.progress(
          printable(`${update.key} version ${update.version} is damaged: its digest is wrong; rejected`)
        )
        return answer(stream, update, "the digest of the content is wrong") // CS2
      }
      const text = content.toString("utf8")
      yield* show(update, text, held.get(update.key))
      held.set(update.key, {
        content: text,
        version: Number(update.version),
        revision: update.revision,
        digest: update.digest
      })
      answer(stream, update, "")
    } else if (kind === 1) {
      yield* show(update, "", held.get(update.key))
      held.delete(update.key)
      answer(stream, update, "")
    }
  })

  /** One stream from its opening to its end. */
  const once = Effect.gen(function* () {
    const events = yield* Queue.unbounded<Event>()
    let waiting = 0
    let full = false
    const messages = greeting()
    let greeted = false
    /** What is left of the hello, as far as there is room; nothing else may be sent before its end. */
    const greet = (stream: Stream) => {
      while (!greeted) {
        const next = messages.next()
        greeted = next.done === true
        if (next.value !== undefined && !stream.send(next.value)) return
      }
    }
    const stream = yield* Effect.acquireRelease(
      Effect.sync((): Stream => {
        const opened = transport.open(messages.next().value ?? empty, {
          message: (update) => {
            Queue.offerUnsafe(events, { _tag: "update", update })
            waiting += sizeOf(update)
            if (!full && waiting > WAITING) opened.hold((full = true)) // CS4
          },
          writable: () => greet(opened),
          ended: (ended) => Queue.offerUnsafe(events, { _tag: "ended", ended })
        })
        greet(opened)
        return opened
      }),
      (opened) => Effect.promise(() => opened.finish())
    )
    const beat = Effect.sleep(HEARTBEAT).pipe(
      Effect.andThen(Effect.sync(() => greeted && stream.send({ ...empty, heartbeat: true }))),
      Effect.forever
    )
    let wait: number | undefined
    const silent = (): Event => ({
      _tag: "ended",
      ended: {
        status: 14,
        message: "the server went silent",
        code: undefined,
        hopeless: false,
        reconnectAfterMillis: undefined
      }
    })
    const listen = Effect.gen(function* () {
      while (true) {
        const event = yield* Queue.take(events).pipe(
          Effect.timeoutOrElse({ duration: SILENCE, orElse: () => Effect.sync(silent) }) // CS3
        )
        if (event._tag === "ended") {
          return { ...event.ended, reconnectAfterMillis: event.ended.reconnectAfterMillis ?? wait }
        }
        waiting -= sizeOf(event.update)
        if (full && waiting <= WAITING / 2) stream.hold((full = false))
        if ((event.update.kind as number) === 4) {
          wait = event.update.reconnectAfterMs
          yield* shell.progress("the server is leaving")
        }
        yield* take(stream, event.update)
      }
    })
    return yield* Effect.raceFirst(listen, beat)
  }).pipe(Effect.scoped)

  return yield* Effect.gen(function* () {
    while (true) {
      const ended: Ended = yield* once
      const refused = refusal(target, ended)
      if (refused !== undefined) return yield* refused
      const other = connectedOnce ? undefined : stranger(target.grpc, ended.message)
      if (other !== undefined) return yield* other
      if (!connectedOnce && ended.message.includes("ECONNREFUSED")) {
        return yield* unreachable(target.grpc, "ECONNREFUSED", SETTING)
      }
      const delay = Math.round(ended.reconnectAfterMillis ?? backoff(AGAIN, attempt++, Math.random()))
      yield* shell.progress(
        `disconnected: ${printable(reasonOf(ended))}; reconnecting in ${(delay / 1000).toFixed(1)} s`
      )
      yield* Effect.sleep(delay)
    }
  }).pipe(Effect.ensuring(Effect.sync(() => transport.close())))
})
