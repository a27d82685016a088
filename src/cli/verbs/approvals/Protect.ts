/** `herald protect set|list|remove`: what needs a second person. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { approverRoles } from "../../../approvals/Protection.ts"
import type { Protection, ProtectionList } from "../../../edge/http/approvals/Wire.ts"
import { spanOf, spanText } from "../../../text/Amounts.ts"
import { printable } from "../../../text/Printable.ts"
import { usage } from "../../CliFailure.ts"
import { env, idempotencyKey, invocation, message, optionalInt, optionalText } from "../../Globals.ts"
import { segment } from "../../Http.ts"
import { TEXT, table, time } from "../../Table.ts"
import { KINDS, kindsIn } from "../access/Spans.ts"
import { glassFlag } from "../configuration/ChangeFlags.ts"

const name = Argument.String("name").pipe(Argument.withDescription("Its name (herald protect list)"))

const told = ({ keys, kinds, approvals, roles, waitsMillis }: Protection): string =>
  `${approvals} of ${roles.join(", ")} for ${kinds === null ? "" : `the kinds ${kinds.join(", ")} of `}${keys.join(", ")}; a request waits ${spanText(waitsMillis)}`

const set = Command.make(
  "set",
  {
    name,
    keys: Argument.String("key").pipe(
      Argument.withDescription("Keys that it is about: a key, payments.* for all below it, or '*' for all"),
      Argument.variadic({ min: 1, max: 100 })
    ),
    env,
    approvals: optionalInt("approvals", "Persons who have to approve, 1 to 5; 1 unless given", "number"),
    kinds: optionalText("kinds", `Only of these kinds, ${KINDS}; of every kind otherwise`, "list"),
    role: Flag.Literals("role", approverRoles).pipe(
      Flag.withDescription("Who may approve, may be repeated; publisher and admin unless given"),
      Flag.between(0, 2)
    ),
    waits: optionalText("waits", "How long a request waits, such as 2d; 7d unless given", "span"),
    message,
    ...glassFlag,
    idempotencyKey
  },
  Effect.fn("Protect.set")(function* ({ name, keys, env, approvals, kinds, role, waits, message, ...how }) {
    const here = yield* invocation
    const span = waits === undefined ? undefined : spanOf(waits)
    if (typeof span === "string") return yield* usage(`--waits ${waits}: ${span}`, "Write it as 12h or 7d.")
    const said = kindsIn(kinds)
    if (said !== undefined && "_tag" in said) return yield* said
    const { body } = yield* here.call({
      method: "PUT",
      path: `/v1/protections/${segment(name)}`,
      query: { environment: here.environment(env), breakGlass: how.breakGlass },
      body: {
        ...{ keys, approvals: approvals ?? 1 },
        ...(said === undefined ? {} : { kinds: said }),
        ...(role.length === 0 ? {} : { roles: role }),
        ...(span === undefined ? {} : { waitsMillis: span }),
        ...(message === undefined ? {} : { message })
      },
      idempotencyKey: how.idempotencyKey
    })
    const made = body as Protection
    yield* here.emit(
      made,
      (paint) =>
        `${paint.green("protected")} ${paint.bold(printable(made.name))} in ${printable(made.environment)}: ${printable(told(made))}`
    )
  })
).pipe(
  Command.withDescription("Protect keys: what they become needs so many persons besides whoever asks for it"),
  Command.withExamples([
    { command: "herald protect set payments 'payments.*' --approvals 2", description: "Two others have to approve" },
    { command: "herald protect set flags '*' --kinds flag,segment", description: "All flags and segments" }
  ])
)

const list = Command.make(
  "list",
  { env },
  Effect.fn("Protect.list")(function* ({ env }) {
    const here = yield* invocation
    const environment = here.environment(env)
    const protections: Array<Protection> = []
    let after: string | undefined
    do {
      const query = { environment, after }
      const page = (yield* here.call({ method: "GET", path: "/v1/protections", query })).body as ProtectionList
      protections.push(...page.protections)
      after = page.next ?? undefined
    } while (after !== undefined)
    yield* here.emit(protections, (paint) =>
      protections.length === 0
        ? `nothing in ${printable(environment)} needs a second person; protect keys with herald protect set <name> <key>…`
        : table(
            protections,
            [
              { title: "NAME", value: (row) => row.name, paint: () => paint.bold },
              { title: "NEEDS", value: told, text: TEXT },
              { title: "BY", value: (row) => row.updatedBy },
              { title: "SINCE", value: (row) => time(row.updatedAt), timed: true }
            ],
            paint,
            here.room
          )
    )
  })
).pipe(
  Command.withDescription("List what needs a second person"),
  Command.withExamples([{ command: "herald protect list --env production", description: "And how many, and who" }])
)

const remove = Command.make(
  "remove",
  { name, env, message, ...glassFlag, idempotencyKey },
  Effect.fn("Protect.remove")(function* ({ name, env, message, breakGlass, idempotencyKey }) {
    const here = yield* invocation
    const environment = here.environment(env)
    const query = { environment, message, breakGlass }
    yield* here.call({ method: "DELETE", path: `/v1/protections/${segment(name)}`, query, idempotencyKey })
    yield* here.emit(
      { name, environment },
      (paint) => `${paint.yellow("no longer protected")} ${paint.bold(printable(name))} in ${printable(environment)}`
    )
  })
).pipe(
  Command.withDescription("Take a protection away, which needs those whom it asks for, too"),
  Command.withExamples([
    {
      command: "herald change request protect remove payments --message 'no longer sold'",
      description: "Let somebody approve that it goes"
    }
  ])
)

export const protectVerb = Command.make("protect").pipe(
  Command.withDescription("What needs a second person"),
  Command.withSubcommands([set, list, remove])
)
