/** `herald key create|list|revoke`: API keys. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import type { ApiKey } from "../../edge/http/Wire.ts"
import { printable } from "../../text/Printable.ts"
import { usage } from "../CliFailure.ts"
import { optionalText, session } from "../Globals.ts"
import { segment } from "../Http.ts"
import { Shell } from "../Shell.ts"
import { ago, facts, table, time } from "../Table.ts"

const units = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** "30d", "12h", "15m", or a date; milliseconds since 1970. */
export const expiry = (text: string, now: number): number | undefined => {
  const span = /^(\d+)([mhd])$/.exec(text)
  if (span !== null) return now + Number(span[1]) * units[span[2] as keyof typeof units]
  const date = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(date) ? undefined : date
}

const create = Command.make(
  "create",
  {
    name: Argument.String("name").pipe(Argument.withDescription("Who will use it; shown in history and audit")),
    role: Flag.Literals("role", ["admin", "publisher", "viewer", "subscriber"]).pipe(
      Flag.withDescription("What it may do")
    ),
    env: Flag.String("env").pipe(
      Flag.withAlias("e"),
      Flag.withDescription("Where it works, may be repeated; '*' is everywhere"),
      Flag.withMetavar("name"),
      Flag.atLeast(1)
    ),
    expires: optionalText("expires", "30d, 12h, 15m or a date; never otherwise", "when")
  },
  Effect.fn("Key.create")(function* ({ name, role, env, expires }) {
    const shell = yield* Shell
    const here = yield* session
    const now = yield* shell.now
    const expiresAt = expires === undefined ? null : expiry(expires, now)
    if (expiresAt === undefined) {
      return yield* usage(`--expires ${expires} is no span and no date`, "Write 30d, 12h, 15m or 2027-01-31.")
    }
    const { body } = yield* here.call({
      method: "POST",
      path: "/v1/keys",
      body: { name, role, environments: env, expiresAt },
      once: true
    })
    const made = body as { readonly token: string; readonly key: ApiKey }
    yield* here.emit(
      made,
      (paint) =>
        `${facts(
          [
            ["id", made.key.id],
            ["role", `${made.key.role} in ${made.key.environments.join(", ")}`],
            ["expires", made.key.expiresAt === null ? "never" : time(made.key.expiresAt)]
          ],
          paint
        )}\n${paint.bold(printable(made.token))}\n${paint.yellow("this token is shown once: keep it now, for example as HERALD_TOKEN")}`
    )
  })
).pipe(
  Command.withDescription("Make an API key; its token is shown once"),
  Command.withExamples([
    { command: "herald key create ci --role publisher --env staging --expires 90d", description: "For a pipeline" }
  ])
)

const list = Command.make(
  "list",
  {},
  Effect.fn("Key.list")(function* () {
    const shell = yield* Shell
    const here = yield* session
    const { body } = yield* here.call({ method: "GET", path: "/v1/keys" })
    const { keys } = body as { readonly keys: ReadonlyArray<ApiKey> }
    const now = yield* shell.now
    const state = (key: ApiKey): string => {
      if (key.revokedAt !== null) return `revoked ${ago(key.revokedAt, now)}`
      if (key.expiresAt === null) return "good"
      return key.expiresAt <= now ? `expired ${ago(key.expiresAt, now)}` : `good until ${time(key.expiresAt)}`
    }
    yield* here.emit(keys, (paint) =>
      table(
        keys,
        [
          { title: "ID", value: (key) => key.id, paint: () => paint.bold },
          { title: "NAME", value: (key) => key.name },
          { title: "ROLE", value: (key) => key.role },
          { title: "ENVIRONMENTS", value: (key) => key.environments.join(",") },
          { title: "CREATED", value: (key) => time(key.createdAt) },
          { title: "BY", value: (key) => key.createdBy },
          {
            title: "STATE",
            value: state,
            paint: (key) => (state(key).startsWith("good") ? paint.green : paint.red)
          }
        ],
        paint
      )
    )
  })
).pipe(
  Command.withDescription("List API keys"),
  Command.withExamples([{ command: "herald key list", description: "Also those that are expired or revoked" }])
)

const revoke = Command.make(
  "revoke",
  { id: Argument.String("id").pipe(Argument.withDescription("The key's id (herald key list)")) },
  Effect.fn("Key.revoke")(function* ({ id }) {
    const here = yield* session
    yield* here.call({ method: "DELETE", path: `/v1/keys/${segment(id)}` })
    yield* here.emit(
      { id, revoked: true },
      (paint) => `${paint.green("revoked")} ${printable(id)}; its streams end within 5 s`
    )
  })
).pipe(
  Command.withDescription("Revoke an API key; its open streams end within 5 s"),
  Command.withExamples([{ command: "herald key revoke 3f9c2a", description: "By the id of herald key list" }])
)

export const key = Command.make("key").pipe(
  Command.withDescription("Make, list and revoke API keys"),
  Command.withSubcommands([create, list, revoke])
)
