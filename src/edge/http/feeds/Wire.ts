/**
 * Writes changes as server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html
 *
 *   SX1  An event's id is a position, `<epoch>.<revision>`, and only the last change of a revision has it: who goes on from an id has missed
 *        nothing, and is told what it may have again.
 *   SX2  A change is written once in each form, however many follow it.
 *   SX3  A line of a value that is JSON is a line of the event's data, and never one of the event itself.
 */
import type { Configuration } from "../../../configuration/Configuration.ts"
import type { Told } from "../../../feeds/Feeds.ts"
import type { KindsShape, Told as Others } from "../../../propagation/Kind.ts"
import type { Position } from "../../../propagation/Position.ts"
import type { Change } from "../../../propagation/Revision.ts"
import { isCut, shown } from "../configuration/Shown.ts"
import { type As, configuration } from "../configuration/Wire.ts"
import { problemOf } from "../Problem.ts"

const idOf = ({ epoch, revision }: Position): string => `${epoch}.${revision}`

const ID = /^([0-9a-zA-Z-]{1,64})\.(\d{1,19})$/

/** "none": it is no id of this server. */
export const positionOf = (id: string): Position | "none" => {
  const [, epoch, revision] = ID.exec(id) ?? []
  return epoch === undefined || revision === undefined ? "none" : { epoch, revision: BigInt(revision) }
}

const isConfiguration = (change: Change): change is Configuration => change.kind === "configuration"

/** The beginning of a stream; `retry` is in milliseconds. */
export const begun = "retry: 2000\n\n"

const event = (name: string, data: string, id?: Position): string =>
  `event: ${name}\n${id === undefined ? "" : `id: ${idOf(id)}\n`}data: ${data}\n\n`

const inNumbers = ({ epoch, revision }: Position) => ({ epoch, revision: Number(revision) })

/** Changes of the first kind as they are read, all others alike (KI4); of one that this node does not know only what it is of. */
export const makeTexts = ({ told }: KindsShape) => {
  /** What was written, by whether its value is cut in. */
  const written = { cut: new WeakMap<Change, string>(), whole: new WeakMap<Change, string>() }
  const encoder = new TextEncoder()
  const encoded = { cut: new WeakMap<Change, Uint8Array>(), whole: new WeakMap<Change, Uint8Array>() }

  const formOf = (change: Change, as: As) => {
    if (isConfiguration(change)) return isCut({ ...change, type: change.valueType }, as) ? "cut" : "whole"
    const of = told(change)
    return of !== undefined && isCut(asShown(of), as) ? "cut" : "whole"
  }

  const jsonOf = (change: Change, { epoch, revision }: Position, as: As): string => {
    if (isConfiguration(change))
      return shown(as, [configuration(change)], ([one]) => ({ kind: change.kind, ...one, epoch }))
    const { kind, environment, key } = change
    const of = told(change)
    if (of === undefined) return JSON.stringify({ kind, environment, key, epoch })
    const { version, deleted, digest } = of
    return shown(as, [asShown(of)], ([one]) => ({
      ...{ kind, environment, key, version, revision: Number(revision) },
      ...{ value: one!.value, type: one!.type, deleted, digest, epoch }
    }))
  }

  /** SX2 */
  const dataOf = (change: Change, at: Position, as: As): string => {
    const form = formOf(change, as)
    let data = written[form].get(change)
    if (data === undefined) {
      data = jsonOf(change, at, as).replace(/\r\n|\r|\n/g, "\ndata: ") // SX3
      written[form].set(change, data)
    }
    return data
  }

  const textOf = (told: Told, as?: As): string => {
    switch (told._tag) {
      case "Change":
        return event("change", dataOf(told.change, told.at, as), told.last ? told.at : undefined) // SX1
      case "Reset":
        return event("reset", JSON.stringify({ reason: told.reason, ...inNumbers(told.at) }), told.at)
      case "Alive":
        return `: alive\nid: ${idOf(told.at)}\n\n`
      case "Ended":
        return event("end", JSON.stringify(problemOf(told.error)))
    }
  }

  /** A large change that is told by itself, as most are, is the same bytes for all who follow it: hundreds of slow ones hold one copy. SX2 */
  const bytesOf = (all: ReadonlyArray<Told>, as?: As): Uint8Array => {
    const [one] = all
    if (all.length !== 1 || one?._tag !== "Change" || !one.last)
      return encoder.encode(all.map((told) => textOf(told, as)).join(""))
    const form = formOf(one.change, as)
    let bytes = encoded[form].get(one.change)
    if (bytes === undefined) encoded[form].set(one.change, (bytes = encoder.encode(textOf(one, as))))
    return bytes
  }

  return { textOf, bytesOf }
}

/** What is not told is cut in nowhere. */
const asShown = ({ value, valueType }: Others) => ({
  value,
  type: valueType,
  deleted: value === null,
  template: false
})
