/** How segments, and what became of a change, are told. Pure. */
import type { PublishedSegment, StoredSegment } from "../../../edge/http/segments/Wire.ts"
import { printable } from "../../../text/Printable.ts"
import { wholeContent } from "../../DiffView.ts"
import type { Paint } from "../../Paint.ts"
import { facts, time } from "../../Table.ts"
import { warned } from "../flags/Told.ts"

/** `verb`: what was done, in the past. */
export const written = (verb: string, answer: PublishedSegment, paint: Paint): string =>
  `${paint.green(verb)} ${paint.bold(printable(answer.segment))} version ${answer.version} in ${printable(answer.environment)} ` +
  `(revision ${answer.revision})${answer.replayed ? `\n${paint.yellow("nothing was written now: this idempotency key had this result before")}` : ""}` +
  warned(answer, paint)

type Definition = Readonly<Record<string, unknown>>

/** Who is in it, at a glance. */
export const gist = (definition: unknown): string => {
  if (typeof definition !== "object" || definition === null) return "archived"
  const { rule, targetUsers = [], ids } = definition as Definition
  const users = (targetUsers as ReadonlyArray<string>).length
  const count = (ids as { readonly count?: number } | undefined)?.count ?? 0
  const parts = [
    ...(rule === undefined ? [] : ["a rule"]),
    ...(users === 0 ? [] : [`${users} ${users === 1 ? "user" : "users"}`]),
    ...(count === 0 ? [] : [`${count} ${count === 1 ? "id" : "ids"}`])
  ]
  return parts.length === 0 ? "nobody" : parts.join(" and ")
}

export const one = (segment: StoredSegment, paint: Paint): string =>
  [
    `${paint.bold(printable(segment.segment))} in ${printable(segment.environment)}`,
    facts(
      [
        ["version", `${segment.version} (revision ${segment.revision})`],
        ["in it", gist(segment.definition)],
        ["changed", `${time(segment.updatedAt)} by ${segment.updatedBy}`],
        ["message", segment.message]
      ],
      paint
    ),
    segment.deleted ? paint.red("archived") : wholeContent(JSON.stringify(segment.definition))
  ].join("\n")
