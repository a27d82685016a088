/** `herald explain <key|HRLD-nnnn>`: a code's meaning (offline), or how a key's effective value came about. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import type { Explanation } from "../../../edge/http/configuration/Wire.ts"
import { byCode, catalogue, type ErrorName, inOrder, type NamedRow } from "../../../errors/Catalogue.ts"
import { nearby } from "../../../text/Nearest.ts"
import { printable } from "../../../text/Printable.ts"
import { CliFailure, known } from "../../CliFailure.ts"
import { env, invocation, labels } from "../../Globals.ts"
import { segment } from "../../Http.ts"
import { meaning, offer } from "../../Near.ts"
import { facts, TEXT, table } from "../../Table.ts"

/** https://grpc.io/docs/guides/status-codes/ */
const grpcNames = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED"
]

const wire = (row: NamedRow) => ({
  code: row.code,
  name: row.name,
  title: row.title,
  cause: row.cause,
  fix: row.fix,
  grpc: grpcNames[row.grpc] ?? String(row.grpc),
  http: row.http,
  exit: row.exit
})

/** "HRLD-4001", "hrld-4001", "4001" or the error's name; undefined when the argument is a key. */
export const findCode = (argument: string): NamedRow | undefined =>
  byCode(/^\d{4}$/.test(argument) ? `HRLD-${argument}` : argument) ??
  (argument in catalogue ? { ...catalogue[argument as ErrorName], name: argument as ErrorName } : undefined)

const noSuchCode = (argument: string) => {
  const all = [...Object.keys(catalogue), ...Object.values(catalogue).map(({ code }) => code)]
  const names = nearby(argument, all, 1)
  const meant = names.length === 0 ? "" : `${offer(names)}\n`
  return known("NotFound", `there is no error code ${argument}`, `${meant}List them: herald explain HRLD`)
}

const explainCode = Effect.fn("Explain.code")(function* (argument: string) {
  const { emit } = yield* invocation
  if (/^hrld$/i.test(argument)) {
    const rows = inOrder.map(wire)
    return yield* emit(rows, (paint) =>
      table(
        rows,
        [
          { title: "CODE", value: (row) => row.code, paint: () => paint.bold },
          { title: "TITLE", value: (row) => row.title, text: TEXT },
          { title: "GRPC", value: (row) => row.grpc },
          { title: "HTTP", value: (row) => String(row.http), right: true },
          { title: "EXIT", value: (row) => String(row.exit), right: true }
        ],
        paint
      )
    )
  }
  const found = findCode(argument)
  if (found === undefined) return yield* noSuchCode(argument)
  const row = wire(found)
  yield* emit(
    row,
    (paint) =>
      `${paint.bold(row.code)} ${row.title}\n` +
      facts(
        [
          ["cause", row.cause],
          ["fix", row.fix],
          ["gRPC", `${row.grpc} (${found.grpc})`],
          ["HTTP", String(row.http)],
          ["exit code", String(row.exit)]
        ],
        paint
      )
  )
})

const likeCode = /^(\d{3,5}|[a-z]{3,5}-?\d{3,5})$/i

const explainKey = Effect.fn("Explain.key")(function* (
  key: string,
  environment: string,
  given: Readonly<Record<string, string>>
) {
  const here = yield* invocation
  const { call, emit } = here
  const { body } = yield* call({
    method: "GET",
    path: `/v1/config/${segment(key)}/explain`,
    query: {
      environment,
      as: "text",
      ...Object.fromEntries(Object.entries(given).map(([name, value]) => [`label.${name}`, value]))
    }
  }).pipe(meaning(here, environment, key))
  const found = body as Explanation
  const { stored } = found
  yield* emit(body, (paint) => {
    const variables = found.used.map((one) => `{{${one.name}}} = ${one.value}  (${one.source})`)
    return [
      `${paint.bold(printable(key))} in ${printable(environment)}${found.stale ? paint.yellow("  stale") : ""}`,
      facts(
        [
          ["stored", `version ${stored.version}, revision ${stored.revision}, by ${stored.updatedBy}`],
          [
            "rollout",
            found.candidate === undefined
              ? ""
              : `candidate of ${found.candidate.rollout}, stage ${found.candidate.stage}`
          ],
          ["type", stored.type],
          ["template", stored.template ? "yes" : "no, delivered as it is stored"],
          ["variables", variables.join(", ")],
          ["missing", found.missing.join(", ")],
          ["secrets", found.secrets.map((name) => `${name} (delivered as a reference)`).join(", ")]
        ],
        paint
      ),
      found.effective === null
        ? paint.red(`no effective value: define ${found.missing.join(", ")} in herald.variables, or give --label`)
        : `${paint.dim("effective value")}\n${printable(found.effective, true)}`
    ].join("\n")
  })
})

export const explain = Command.make(
  "explain",
  {
    subject: Argument.String("key-or-code").pipe(
      Argument.withDescription("A key, an error code such as HRLD-2002 or 2002, or HRLD for the list of codes")
    ),
    env,
    labels
  },
  Effect.fn("Explain.run")(function* ({ subject, env, labels }) {
    if (/^hrld(-|$)/i.test(subject) || findCode(subject) !== undefined) return yield* explainCode(subject)
    const { environment } = yield* invocation
    const asKey = explainKey(subject, environment(env), labels)
    // A key may be called so, too; where there is none, a code was meant.
    if (!likeCode.test(subject) && nearby(subject, Object.keys(catalogue)).length === 0) return yield* asKey
    yield* Effect.catch(asKey, (failure) =>
      failure instanceof CliFailure && failure.code === catalogue.NotFound.code && !failure.what.includes("mean")
        ? Effect.fail(noSuchCode(subject))
        : Effect.fail(failure)
    )
  })
).pipe(
  Command.withDescription("Say what an error code means (works offline), or how a key's effective value came about"),
  Command.withShortDescription("Explain an error code or a key's value"),
  Command.withExamples([
    { command: "herald explain HRLD-2002", description: "What it means, why, and what to do" },
    { command: "herald explain HRLD", description: "Every code" },
    { command: "herald explain user-service --label region=eu", description: "The value such a client gets" }
  ])
)
