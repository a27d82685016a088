/**
 * flagd.sync.v1.FlagSyncService: all flags of an environment, for providers that evaluate in their own process, and for flagd.
 *
 *   FP6  The document of an environment is one message between two changes, whose bytes all streams share, and which is no copy of it.
 *   FP9  A stream that is told of a change is sent a document that has it, once that is written: all that wait are sent the same one.
 */
import { Effect, Exit } from "effect"
import { FlagSyncServiceService, GetMetadataResponse } from "../../../../proto/generated/flagd/sync/v1/sync.ts"
import { requirePermission } from "../../../access/Access.ts"
import type { Identity } from "../../../access/Identity.ts"
import { type KeyScope, scopeOf, scopeText } from "../../../access/KeyScope.ts"
import { HeraldError } from "../../../errors/HeraldError.ts"
import type { Written } from "../../../flags/FlagDocument.ts"
import { FlagStreams } from "../../../flags/FlagStreams.ts"
import { FlagView } from "../../../flags/FlagView.ts"
import { Usage } from "../../../usage/Usage.ts"
import { Slices } from "../../../work/Slices.ts"
import { makeCalling } from "../Calling.ts"
import { isFailure } from "../Decode.ts"
import type { ServerCall } from "../ServerCall.ts"
import { type AdmittedHandler, nameOf, type Service } from "../Service.ts"
import { traced } from "../Spans.ts"
import { OK, statusOfExit } from "../Status.ts"
import { hearOne } from "../Unary.ts"
import { fetchAllFlagsRequest, getMetadataRequest, syncFlagsRequest } from "./Decode.ts"
import { callerOfCall, environmentOfCall } from "./Meant.ts"
import { strangers } from "./Stranger.ts"
import { type Arrive, follow } from "./Stream.ts"
import { varint } from "./Varint.ts"

const definition = FlagSyncServiceService
const SERVICE = nameOf({ definition })

/** Field 2 of a `SyncFlagsResponse`, `sync_context`: there, and empty. A `FetchAllFlagsResponse` has none. */
const BEHIND = Buffer.from([0x12, 0])
const messages = new WeakMap<Written, Buffer>()

/** As a `SyncFlagsResponse`, around the document where it is. FP6 */
const messageOf = (document: Written): Buffer => {
  let message = messages.get(document)
  if (message === undefined) {
    const { json } = document
    const before = [0x0a, ...varint(json.length)] // field 1, `flag_configuration`
    const length = before.length + json.length + BEHIND.length
    message = Buffer.from(json.buffer as ArrayBuffer, json.byteOffset - before.length, length)
    message.set(before)
    message.set(BEHIND, length - BEHIND.length)
    messages.set(document, message)
  }
  return message
}

const make = Effect.gen(function* () {
  const view = yield* FlagView
  const streams = yield* FlagStreams
  const usage = yield* Usage
  const { as } = yield* makeCalling
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const slices = new Slices()
  /** Streams by environment, and by what they may have, that are to be sent the next document. */
  const waiting = new Map<string, Map<ServerCall, Arrive>>()
  /** What each stream was sent last, so that a change elsewhere, or none, sends nothing. */
  const sent = new WeakMap<ServerCall, Buffer>()

  /** FP9 */
  const serve = Effect.fnUntraced(function* (id: string, environment: string, scope: KeyScope) {
    while (true) {
      yield* Effect.yieldNow // others that are told of the same change
      const its = waiting.get(id)!
      if (its.size === 0) return void waiting.delete(id) // in the same step: whoever comes now is not overlooked
      waiting.set(id, new Map())
      const message = messageOf(yield* view.document(environment, scope))
      for (const [call, arrive] of its) {
        if (sent.get(call) === message) continue
        if (slices.over()) yield* slices.turn
        if (arrive(message)) sent.set(call, message)
      }
    }
  })
  const later = (call: ServerCall, environment: string, scope: KeyScope, arrive: Arrive): undefined => {
    const id = `${environment}\u0000${scopeText(scope)}`
    const its = waiting.get(id)
    if (its !== undefined) its.set(call, arrive)
    else {
      waiting.set(id, new Map([[call, arrive]]))
      run(
        Effect.catchCause(serve(id, environment, scope), (cause) => {
          waiting.delete(id)
          return Effect.logError("streams of flags were not sent a document", cause)
        })
      )
    }
  }

  const syncFlags: AdmittedHandler = (call, identity) =>
    follow({
      ...{ call, identity, as, method: `${SERVICE}/SyncFlags`, run },
      decode: (bytes) => {
        const request = syncFlagsRequest(bytes)
        return isFailure(request) ? request : environmentOfCall(call, identity, request.selector)
      },
      open: (environment, reader) =>
        Effect.map(streams.open(environment, reader), (close) => {
          const left = usage.follow(environment, callerOfCall("flagd-sync", call))
          return () => {
            left()
            close()
          }
        }),
      first: (environment, arrive) => later(call, environment, scopeOf(identity, "flag"), arrive),
      next: (_, environment, arrive) => later(call, environment, scopeOf(identity, "flag"), arrive)
    })

  const once =
    (
      name: string,
      answer: (
        bytes: Uint8Array,
        call: ServerCall,
        identity: Identity
      ) => HeraldError | Effect.Effect<Buffer, HeraldError>
    ): AdmittedHandler =>
    (call, identity) =>
      hearOne(call, (bytes) => {
        const answered = answer(bytes, call, identity)
        const handled = answered instanceof HeraldError ? Effect.fail(answered) : answered
        run(traced(`${SERVICE}/${name}`, call, as(identity, handled))).addObserver((exit) => {
          if (Exit.isFailure(exit)) return call.end(statusOfExit(exit))
          call.send(exit.value)
          call.end(OK)
        })
      })

  return {
    syncFlags,
    fetchAllFlags: once("FetchAllFlags", (bytes, call, identity) => {
      const request = fetchAllFlagsRequest(bytes)
      if (isFailure(request)) return request
      return environmentOfCall(call, identity, request.selector).pipe(
        Effect.tap((environment) => requirePermission("config.read", environment, { kind: "flag" })),
        Effect.tap((environment) => Effect.sync(() => usage.noteAll(environment, callerOfCall("flagd-sync", call)))),
        Effect.flatMap((environment) => view.document(environment, scopeOf(identity, "flag"))),
        Effect.map((document) => messageOf(document).subarray(0, -BEHIND.length))
      )
    }),
    // Older providers begin with it, some without a deadline.
    getMetadata: once("GetMetadata", (bytes) => {
      const request = getMetadataRequest(bytes)
      return isFailure(request)
        ? request
        : Effect.succeed(Buffer.from(GetMetadataResponse.encode({ metadata: {} }).finish()))
    })
  }
})

export const sync = {
  definition,
  descriptors: "herald",
  connect: true,
  permission: "config.read",
  serve: () =>
    Effect.map(Effect.all([make, strangers]), ([handlers, nobody]) => ({ handlers, nobody, drain: Effect.void }))
} as const satisfies Service
