/**
 * What the SDK's errors and ends of streams say, for people: the catalogue's row, or what is wrong with the address. Pure.
 *
 *   WZ1  What happened is said once, and what to do about it once, although gRPC's texts and the SDK's have both in one.
 *   WZ2  An address at which something else answers, or by another protocol, is told as that: who waits for it waits for ever.
 */
import { byCode, catalogue } from "../errors/Catalogue.ts"
import { plainly } from "../net/Reason.ts"
import { type CliFailure, known, stranger, unreachable } from "./CliFailure.ts"
import { signedIn } from "./Hints.ts"
import type { Target } from "./Target.ts"

export const GRPC_SETTING = "--grpc or HERALD_GRPC"

interface Said {
  readonly code?: string | undefined
  readonly message?: string
  /** Of gRPC. */
  readonly status?: number | undefined
}

/** WZ1. `fix`: what to do, as its row says it. */
const withoutFix = (text: string, fix: string): string => {
  const end = plainly(fix)
  const said = plainly(text)
  return said.endsWith(end) ? plainly(said.slice(0, -end.length)) : said
}

/** What is wrong with the address, if that is what is said. WZ2 */
export const wrongAddress = (target: Target, said: string): CliFailure | undefined =>
  stranger(target.grpc, said) ??
  (said.includes("ECONNREFUSED") ? unreachable(target.grpc, "ECONNREFUSED", GRPC_SETTING) : undefined)

export const refusedBy = (target: Target, error: unknown): CliFailure => {
  const { code = "", message = String(error), status } = Object(error) as Said
  const said = message.replace(/^HRLD-\d{4}: /, "")
  const row = byCode(code) ?? (status === 16 ? byCode(catalogue.Unauthenticated.code) : undefined)
  if (row === undefined || row.name === "NotConnected")
    return wrongAddress(target, said) ?? unreachable(target.grpc, plainly(said), GRPC_SETTING)
  return signedIn(target, known(row.name, withoutFix(said, row.fix)))
}

/** Why a stream ended that is opened again. What a server that leaves says is advice for programs. WZ1 */
export const disconnectedText = ({ code = "", message = "" }: Said): string => {
  if (code === catalogue.Draining.code) return "the server is leaving"
  return withoutFix(message.replace(/^HRLD-\d{4}:? /, ""), byCode(code)?.fix ?? "-")
}
