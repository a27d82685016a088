/** What calls of flagd's services say beside their message: which environment they mean, and which program calls. */
import { Effect } from "effect"
import type { Identity } from "../../../access/Identity.ts"
import { environmentOfFlags } from "../../../flags/Selector.ts"
import { type Caller, callerOf, type Door } from "../../../usage/Caller.ts"
import type { ServerCall } from "../ServerCall.ts"

export const selectorOf = (call: ServerCall, field = ""): string =>
  String(call.metadata.get("flagd-selector")[0] ?? field)

/** The environment that a call means, by its selector or its key. */
export const environmentOfCall = (call: ServerCall, identity: Identity, field = "") =>
  Effect.fromResult(environmentOfFlags(selectorOf(call, field), identity.environments))

/** Who evaluates by this call, for the count of evaluations. */
export const callerOfCall = (door: Door, { metadata }: ServerCall): Caller =>
  callerOf(door, metadata.get("user-agent")[0]?.toString())
