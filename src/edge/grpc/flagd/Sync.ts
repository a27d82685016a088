/**
 * flagd.sync.v1.FlagSyncService: all flags of an environment, for providers that evaluate in their own process, and for flagd.
 *
 *   FP6  The document of an environment is encoded once between two changes, and shared by all streams.
 */
import { Effect, Exit } from "effect"
import {
  FetchAllFlagsResponse,
  FlagSyncServiceService,
  GetMetadataResponse,
  SyncFlagsResponse
} from "../../../../proto/generated/flagd/sync/v1/sync.ts"
import { requirePermission } from "../../../access/Access.ts"
import { CurrentIdentity, type Identity } from "../../../access/Identity.ts"
import { HeraldError } from "../../../errors/HeraldError.ts"
import { FlagStreams } from "../../../flags/FlagStreams.ts"
import { FlagView } from "../../../flags/FlagView.ts"
import { Usage } from "../../../usage/Usage.ts"
import { isFailure } from "../Decode.ts"
import type { ServerCall } from "../ServerCall.ts"
import { type AdmittedHandler, nameOf, type Service } from "../Service.ts"
import { traced } from "../Spans.ts"
import { OK, statusOfExit } from "../Status.ts"
import { hearOne } from "../Unary.ts"
import { fetchAllFlagsRequest, getMetadataRequest, syncFlagsRequest } from "./Decode.ts"
import { callerOfCall, environmentOfCall } from "./Evaluation.ts"
import { strangers } from "./Stranger.ts"
import { follow } from "./Stream.ts"

const definition = FlagSyncServiceService
const SERVICE = nameOf({ definition })

const make = Effect.gen(function* () {
  const view = yield* FlagView
  const streams = yield* FlagStreams
  const usage = yield* Usage
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const encoded = new Map<string, { readonly document: string; readonly message: Buffer }>()

  /** FP6 */
  const documentOf = (environment: string): Buffer => {
    const document = view.document(environment)
    let found = encoded.get(environment)
    if (found?.document !== document) {
      const bytes = SyncFlagsResponse.encode({ flagConfiguration: document, syncContext: {} }).finish()
      found = { document, message: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) }
      encoded.set(environment, found)
    }
    return found.message
  }
  /** What each stream was sent last, so that a change elsewhere, or none, sends nothing. */
  const sent = new WeakMap<ServerCall, Buffer>()
  const newest = (call: ServerCall, environment: string): Buffer | undefined => {
    const message = documentOf(environment)
    if (sent.get(call) === message) return undefined
    sent.set(call, message)
    return message
  }

  const syncFlags: AdmittedHandler = (call, identity) =>
    follow({
      ...{ call, identity, method: `${SERVICE}/SyncFlags`, run },
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
      first: (environment) => newest(call, environment)!,
      next: (_, environment) => newest(call, environment)
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
        run(traced(`${SERVICE}/${name}`, call, Effect.provideService(handled, CurrentIdentity, identity))).addObserver(
          (exit) => {
            if (Exit.isFailure(exit)) return call.end(statusOfExit(exit))
            call.send(exit.value)
            call.end(OK)
          }
        )
      })

  return {
    syncFlags,
    fetchAllFlags: once("FetchAllFlags", (bytes, call, identity) => {
      const request = fetchAllFlagsRequest(bytes)
      if (isFailure(request)) return request
      return environmentOfCall(call, identity, request.selector).pipe(
        Effect.tap((environment) => requirePermission("config.read", environment)),
        Effect.tap((environment) => Effect.sync(() => usage.noteAll(environment, callerOfCall("flagd-sync", call)))),
        Effect.map((environment) =>
          Buffer.from(FetchAllFlagsResponse.encode({ flagConfiguration: view.document(environment) }).finish())
        )
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
  without: "reads no flags",
  serve: () =>
    Effect.map(Effect.all([make, strangers]), ([handlers, nobody]) => ({ handlers, nobody, drain: Effect.void }))
} as const satisfies Service
