/** How the answer to a change is told. Pure. */

import type { Released } from "../../../edge/http/configuration/ReleaseWire.ts"
import type { Published, Validated } from "../../../edge/http/configuration/Wire.ts"
import { printable } from "../../../text/Printable.ts"
import { SOME, shortened, showDifference } from "../../DiffView.ts"
import { offer } from "../../Near.ts"
import type { Paint } from "../../Paint.ts"

/** What stood at a key before. */
export interface Before {
  readonly isNew: boolean
  /** Keys with nearly the same name. */
  readonly meant: ReadonlyArray<string>
  readonly value: string | undefined
}

export const clientsOf = (clients: number): string => `${clients} connected ${clients === 1 ? "client" : "clients"}`

/** `before`: by the change's place. */
export const validated = (answer: Validated, paint: Paint, before: ReadonlyMap<number, Before> = new Map()): string =>
  [
    `${paint.green("valid")}, nothing was written`,
    ...answer.changes.map(({ key, environment, clients, difference }, at) => {
      const { isNew = false, meant = [], value } = before.get(at) ?? {}
      const head = `${paint.bold(printable(key))} in ${printable(environment)}, `
      const who = isNew
        ? paint.yellow(`new key, ${clients} ${clients === 1 ? "client" : "clients"} would get it`)
        : `${clientsOf(clients)} would get it`
      const near = meant.length === 0 ? "" : `\n${paint.yellow(printable(offer(meant)))}`
      return `${head}${who}${near}\n${shortened(showDifference(difference, paint, value), SOME, paint)}`
    }),
    ...besides(answer).flatMap(({ noun, name, environment, difference, warnings }) => [
      `${noun} ${paint.bold(printable(name))} in ${printable(environment)}`,
      shortened(showDifference(difference, paint, undefined), SOME, paint),
      ...warnings.map(({ at, problem }) => `${paint.yellow("note")} ${printable(at)} ${printable(problem)}`)
    ])
  ].join("\n")

/** Flags and segments of a dry run. */
const besides = ({ flags = [], segments = [] }: Validated) => [
  ...segments.map(({ segment, ...one }) => ({ noun: "segment", name: segment, ...one })),
  ...flags.map(({ flag, ...one }) => ({ noun: "flag", name: flag, ...one }))
]

const replayedNote = (replayed: boolean, paint: Paint): string =>
  replayed ? `\n${paint.yellow("nothing was written now: this idempotency key had this result before")}` : ""

export const committed = (verb: string, answer: Published, paint: Paint): string =>
  `${paint.green(verb)} ${paint.bold(printable(answer.key))} version ${answer.version} ` +
  `in ${printable(answer.environment)} (revision ${answer.revision})${replayedNote(answer.replayed, paint)}`

/** What a release changed, whatever it is of: configurations by their keys alone. */
const changedIn = ({ changes, flags = [], segments = [] }: Released) => [
  ...changes.map((one) => ({ ...one, name: one.key, gone: "deleted  " })),
  ...segments.map((one) => ({ ...one, name: `segment ${one.segment}`, gone: "archived " })),
  ...flags.map((one) => ({ ...one, name: `flag ${one.flag}`, gone: "archived " }))
]

export const released = (answer: Released, paint: Paint): string => {
  const all = changedIn(answer)
  return (
    [
      `${paint.green("released")} ${all.length} ${all.length === 1 ? "change" : "changes"} as revision ${answer.revision}`,
      ...all.map(
        ({ name, deleted, gone, version, environment }) =>
          `  ${deleted ? paint.red(gone) : paint.green("published")} ${printable(name)} ` +
          `version ${version} in ${printable(environment)}`
      )
    ].join("\n") + replayedNote(answer.replayed, paint)
  )
}
