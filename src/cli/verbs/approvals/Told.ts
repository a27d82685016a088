/** How change requests are told. Pure but for the library that compares lines. */
import type { Change, WholeChange } from "../../../edge/http/approvals/Wire.ts"
import { printable } from "../../../text/Printable.ts"
import { contentChange, exact } from "../../DiffView.ts"
import type { Paint } from "../../Paint.ts"
import { facts, time } from "../../Table.ts"

type Touch = Change["touches"][number]

/** "flag new-checkout", "user-service": a key goes without its kind. */
const thing = ({ kind, key }: Touch): string => (kind === "configuration" ? key : `${kind} ${key}`.trim())

/** In one line. */
export const gist = ({ touches }: Pick<Change, "touches">): string =>
  touches.length <= 3
    ? touches.map(thing).join(", ")
    : `${touches.slice(0, 2).map(thing).join(", ")} and ${touches.length - 2} more`

export const painted = (state: Change["state"], paint: Paint): ((text: string) => string) =>
  state === "open" || state === "review"
    ? paint.yellow
    : state === "approved" || state === "applied" || state === "reviewed"
      ? paint.green
      : paint.red

/** A text may be JSON by chance, and is to be read as it stands. */
const isJson = (kind: string, settings: WholeChange["changes"][number]["settings"]): boolean =>
  kind !== "configuration" ||
  settings.every(
    ({ name, before, after }) =>
      name !== "valueType" || [before, after].every((one) => one === null || one === JSON_TYPE)
  )
const JSON_TYPE = JSON.stringify("json")

/** `ids`: of the segments whose ids are kept beside them. */
export const whole = async (found: WholeChange, paint: Paint, ids = ""): Promise<string> => {
  const { id, environment, state, digest, approvals, needed } = found
  const lines = [
    `${paint.bold(printable(id))} in ${printable(environment)} ${painted(state, paint)(state)}`,
    facts(
      [
        [needed === 0 ? "did" : "asks for", `${found.action} of ${gist(found)}`],
        ["made", `${time(found.madeAt)} by ${found.author}`],
        ["message", found.message],
        [
          "approved",
          needed === 0
            ? ""
            : `${approvals.length} of ${needed}${approvals.length === 0 ? "" : `: ${approvals.map(({ by, at }) => `${by} at ${time(at)}`).join(", ")}`}`
        ],
        ["waits until", found.expiresAt === null || found.endedAt !== null ? "" : time(found.expiresAt)],
        ["over", found.endedAt === null ? "" : `${time(found.endedAt)} by ${found.endedBy}`],
        ["revision", found.appliedRevision === null ? "" : String(found.appliedRevision)],
        ["reason", found.reason],
        ["digest", digest]
      ],
      paint
    )
  ]
  for (const { kind, key, before, after, settings } of found.changes) {
    const goes = kind === "flag" || kind === "segment" ? "is archived" : "is deleted"
    lines.push(
      `${paint.bold(printable(thing({ kind, key })))}${before === null ? ` ${paint.green("is new")}` : ""}${after === null ? ` ${paint.red(goes)}` : ""}`,
      await contentChange(before ?? "", after ?? "", paint, { json: isJson(kind, settings) })
    )
    for (const { name, before: was, after: is } of settings)
      if (was !== is)
        lines.push(
          `${paint.dim(`${printable(name)}:`)} ${was === null ? "" : `${paint.red(printable(exact(was)))} → `}${paint.green(printable(exact(is ?? "nothing")))}`
        )
  }
  if (ids !== "") lines.push(ids)
  if (found.standsOn.length > 0)
    lines.push(
      paint.dim(`stands on ${found.standsOn.map((one) => `${printable(thing(one))} @${one.revision}`).join(", ")}`)
    )
  if (found.basis !== null) lines.push(paint.dim(`checked against ${printable(found.basis)}`))
  if (state === "open")
    lines.push(
      paint.dim(
        `approve it with herald change approve ${printable(id)} --env ${printable(environment)} --digest ${digest.slice(0, 16)}`
      )
    )
  if (state === "review")
    lines.push(
      paint.dim(
        `somebody else closes it with herald change review ${printable(id)} --env ${printable(environment)} --note "what came of it"`
      )
    )
  return lines.join("\n")
}
