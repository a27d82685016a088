/** How the answer to a change is told. Pure. */
import type { Published, Released, Validated } from "../../../edge/http/configuration/Wire.ts"
import { printable } from "../../../text/Printable.ts"
import { showDifference } from "../../DiffView.ts"
import type { Paint } from "../../Paint.ts"

export const validated = (answer: Validated, paint: Paint): string =>
  [
    `${paint.green("valid")}, nothing was written`,
    ...answer.changes.map(
      (change) =>
        `${paint.bold(printable(change.key))} in ${printable(change.environment)}, ` +
        `${change.clients} connected ${change.clients === 1 ? "client" : "clients"} would get it\n` +
        showDifference(change.difference, paint)
    )
  ].join("\n")

const replayedNote = (replayed: boolean, paint: Paint): string =>
  replayed ? `\n${paint.yellow("nothing was written now: this idempotency key had this result before")}` : ""

export const committed = (verb: string, answer: Published, paint: Paint): string =>
  `${paint.green(verb)} ${paint.bold(printable(answer.key))} version ${answer.version} ` +
  `in ${printable(answer.environment)} (revision ${answer.revision})${replayedNote(answer.replayed, paint)}`

export const released = (answer: Released, paint: Paint): string =>
  [
    `${paint.green("released")} ${answer.changes.length} ${answer.changes.length === 1 ? "change" : "changes"} ` +
      `as revision ${answer.revision}`,
    ...answer.changes.map(
      (change) =>
        `  ${change.deleted ? paint.red("deleted  ") : paint.green("published")} ${printable(change.key)} ` +
        `version ${change.version} in ${printable(change.environment)}`
    )
  ].join("\n") + replayedNote(answer.replayed, paint)
