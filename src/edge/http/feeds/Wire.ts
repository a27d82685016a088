/**
 * Writes changes as server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html
 *
 *   SX1  An event's id is a position, `<epoch>.<revision>`, and only the last change of a revision has it: who goes on from an id has missed
 *        nothing, and is told what it may have again.
 *   SX2  A change is written once, however many follow it.
 */
import type { Configuration } from "../../../configuration/Configuration.ts"
import type { Told } from "../../../feeds/Feeds.ts"
import type { Position } from "../../../propagation/Position.ts"
import type { Change } from "../../../propagation/Revision.ts"
import { configuration } from "../configuration/Wire.ts"
import { problemOf } from "../Problem.ts"

const idOf = ({ epoch, revision }: Position): string => `${epoch}.${revision}`

const ID = /^([0-9a-zA-Z-]{1,64})\.(\d{1,19})$/

/** "none": it is no id of this server. */
export const positionOf = (id: string): Position | "none" => {
  const [, epoch, revision] = ID.exec(id) ?? []
  return epoch === undefined || revision === undefined ? "none" : { epoch, revision: BigInt(revision) }
}

const isConfiguration = (change: Change): change is Configuration => change.kind === "configuration"

const written = new WeakMap<Change, string>()

/** SX2 */
const dataOf = (change: Change, epoch: string): string => {
  let data = written.get(change)
  if (data === undefined) {
    data = JSON.stringify(
      isConfiguration(change) ? { kind: change.kind, ...configuration(change), epoch } : { ...change, epoch }
    )
    written.set(change, data)
  }
  return data
}

const event = (name: string, data: string, id?: Position): string =>
  `event: ${name}\n${id === undefined ? "" : `id: ${idOf(id)}\n`}data: ${data}\n\n`

/** The beginning of a stream; `retry` is in milliseconds. */
export const begun = "retry: 2000\n\n"

export const textOf = (told: Told): string => {
  switch (told._tag) {
    case "Change":
      return event("change", dataOf(told.change, told.at.epoch), told.last ? told.at : undefined) // SX1
    case "Reset":
      return event("reset", JSON.stringify({ reason: told.reason, ...shown(told.at) }), told.at)
    case "Alive":
      return `: alive\nid: ${idOf(told.at)}\n\n`
    case "Ended":
      return event("end", JSON.stringify(problemOf(told.error)))
  }
}

const shown = ({ epoch, revision }: Position) => ({ epoch, revision: Number(revision) })

const encoder = new TextEncoder()
const encoded = new WeakMap<Change, Uint8Array>()

/** A large change that is told by itself, as most are, is the same bytes for all who follow it: hundreds of slow ones hold one copy. SX2 */
export const bytesOf = (all: ReadonlyArray<Told>): Uint8Array => {
  const [one] = all
  if (all.length !== 1 || one?._tag !== "Change" || !one.last) return encoder.encode(all.map(textOf).join(""))
  let bytes = encoded.get(one.change)
  if (bytes === undefined) encoded.set(one.change, (bytes = encoder.encode(textOf(one))))
  return bytes
}
