/** `herald key create|rotate|list|exchange|revoke|recover`: API keys. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { ofEveryKey } from "../../../access/KeyScope.ts"
import type { ApiKey } from "../../../edge/http/access/Wire.ts"
import { printable } from "../../../text/Printable.ts"
import { type CliFailure, usage } from "../../CliFailure.ts"
import { data, invocation, optionalText, yes } from "../../Globals.ts"
import { segment } from "../../Http.ts"
import type { Paint } from "../../Paint.ts"
import { Shell } from "../../Shell.ts"
import { ago, facts, table, time } from "../../Table.ts"
import { inItsPlace } from "../node/InItsPlace.ts"
import { exchange } from "./Exchange.ts"
import { expiry, KINDS, kindsIn, listed } from "./Spans.ts"

interface Made {
  readonly token: string
  readonly key: ApiKey
}

const shownOnce = ({ token, key }: Made, paint: Paint): string =>
  `${facts(
    [
      ["id", key.id],
      ["role", `${key.role} in ${key.environments.join(", ")}`],
      ["keys", (key.keys ?? []).join(", ")],
      ["kinds", (key.kinds ?? []).join(", ")],
      ["topics", (key.topics ?? []).join(", ")],
      ["expires", key.expiresAt === null ? "never" : time(key.expiresAt)]
    ],
    paint
  )}\n${paint.bold(printable(token))}\n${paint.yellow("this token is shown once: keep it now, for example as HERALD_TOKEN")}`

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
    topic: Flag.String("topic").pipe(
      Flag.withDescription(
        "Topics that it may use, may be repeated: a name, orders/* or '*'; all with --env '*', else none"
      ),
      Flag.withMetavar("pattern"),
      Flag.between(0, 100)
    ),
    keys: Flag.String("keys").pipe(
      Flag.withDescription("Keys that it may touch, may be repeated: a key, 'payments.*' or '*'; all unless given"),
      Flag.withMetavar("pattern"),
      Flag.between(0, 100)
    ),
    kinds: optionalText("kinds", `Kinds of what it may touch, ${KINDS}; all unless given`, "list"),
    expires: optionalText(
      "expires",
      "When it ends: a span in days, hours or minutes (30d, 12h, 15m), a date or a time (2027-01-31, 2027-01-31T12:00:00Z); never unless given",
      "when"
    ),
    add: yes("add", "A further key of a principal that has one")
  },
  Effect.fn("Key.create")(function* ({ name, role, env, topic, keys, kinds: its, expires, add }) {
    const shell = yield* Shell
    const here = yield* invocation
    const now = yield* shell.now
    const expiresAt = expires === undefined ? null : expiry(expires, now)
    if (expiresAt === undefined) {
      return yield* usage(
        `--expires ${expires} is no span and no date that there is`,
        "Write 30d, 12h, 15m or 2027-01-31."
      )
    }
    const kinds = kindsIn(its)
    if (kinds !== undefined && "_tag" in kinds) return yield* kinds
    const { body } = yield* here.call({
      method: "POST",
      path: "/v1/keys",
      body: {
        ...{ name, role, environments: env, expiresAt },
        ...(topic.length === 0 ? {} : { topics: topic }),
        ...(keys.length === 0 ? {} : { keys: listed(keys) }),
        ...(kinds === undefined ? {} : { kinds }),
        ...(add ? { add } : {})
      },
      once: true
    })
    const made = body as Made
    yield* here.emit(made, (paint) => shownOnce(made, paint))
  })
).pipe(
  Command.withDescription("Make an API key; its token is shown once"),
  Command.withExamples([
    { command: "herald key create ci --role publisher --env staging --expires 90d", description: "For a pipeline" },
    {
      command: "herald key create shop --role publisher --env production --topic 'orders/*'",
      description: "For a service that publishes events"
    },
    {
      command: "herald key create payments --role publisher --env production --keys 'payments.*' --kinds config,flag",
      description: "For a team that changes its own keys and no others"
    }
  ])
)

/** "payments.* (config,flag)", "*" for all. */
export const keysOf = ({ keys = ["*"], kinds: its }: ApiKey): string =>
  its === undefined ? keys.join(",") : `${keys.join(",")} (${its.join(",")})`

interface Keys {
  readonly keys: ReadonlyArray<ApiKey>
}

const isGood = ({ revokedAt, expiresAt }: ApiKey, now: number): boolean =>
  revokedAt === null && (expiresAt === null || expiresAt > now)

/** The id that a person means: an id is one, whoever is named like it; a principal's name is that of its one good key. */
const meantBy = (keys: ReadonlyArray<ApiKey>, named: string, now: number): Effect.Effect<string, CliFailure> => {
  if (keys.some(({ id }) => id === named)) return Effect.succeed(named)
  const meant = keys.filter((key) => key.name === named && isGood(key, now))
  return meant.length > 1
    ? Effect.fail(
        usage(
          `${named} has ${meant.length} good keys: ${meant.map(({ id }) => id).join(", ")}`,
          "Give the id of the one that is meant."
        )
      )
    : Effect.succeed(meant[0]?.id ?? named)
}

const namedKey = "The principal's name where it has one good key, or the key's id (herald key list)"

const rotate = Command.make(
  "rotate",
  {
    key: Argument.String("key").pipe(Argument.withDescription(namedKey)),
    grace: optionalText("grace", "How long the old key works on: 24h unless given, 0m for not at all", "span")
  },
  Effect.fn("Key.rotate")(function* ({ key: named, grace = "24h" }) {
    const shell = yield* Shell
    const here = yield* invocation
    const now = yield* shell.now
    const span = /^\d+[mhd]$/.test(grace) ? expiry(grace, 0) : undefined
    if (span === undefined) return yield* usage(`--grace ${grace} is no span`, "Write 24h, 30d or 0m.")
    const { body: all } = yield* here.call({ method: "GET", path: "/v1/keys" })
    const id = yield* meantBy((all as Keys).keys, named, now)
    const { body } = yield* here.call({
      method: "POST",
      path: `/v1/keys/${segment(id)}/rotate`,
      body: { graceMillis: span },
      once: true
    })
    const made = body as Made
    if (here.target.token?.startsWith(`hrld_${id}_`))
      yield* shell.progress(
        `this command used the old key: put the new token where it was read, ${here.target.data}/admin-token or HERALD_TOKEN, before the old one ends`
      )
    yield* here.emit(
      made,
      (paint) => `${shownOnce(made, paint)}\n${paint.dim(`${printable(id)} works until ${time(now + span)} at most`)}`
    )
  })
).pipe(
  Command.withDescription("Make a new key for the principal of one, which works on for a while"),
  Command.withExamples([
    {
      command: "herald key rotate deployer --grace 12h",
      description: "By the principal's name, where it has one good key"
    }
  ])
)

const list = Command.make(
  "list",
  {},
  Effect.fn("Key.list")(function* () {
    const shell = yield* Shell
    const here = yield* invocation
    const { body } = yield* here.call({ method: "GET", path: "/v1/keys" })
    const { keys } = body as Keys
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
          { title: "PRINCIPAL", value: (key) => key.name },
          { title: "ROLE", value: (key) => key.role },
          { title: "ENVIRONMENTS", value: (key) => key.environments.join(",") },
          { title: "KEYS", value: keysOf },
          { title: "CREATED", value: (key) => time(key.createdAt), timed: true },
          { title: "BY", value: (key) => key.createdBy },
          {
            title: "STATE",
            value: state,
            paint: (key) => (state(key).startsWith("good") ? paint.green : paint.red)
          }
        ],
        paint,
        here.room
      )
    )
  })
).pipe(
  Command.withDescription("List API keys"),
  Command.withExamples([{ command: "herald key list", description: "Also those that are expired or revoked" }])
)

const revoke = Command.make(
  "revoke",
  {
    key: Argument.String("key").pipe(Argument.withDescription(namedKey)),
    yes: yes("yes", "Don't ask, even of the last admin key")
  },
  Effect.fn("Key.revoke")(function* ({ key: named, yes }) {
    const shell = yield* Shell
    const here = yield* invocation
    const now = yield* shell.now
    const all = yield* Effect.result(here.call({ method: "GET", path: "/v1/keys" }))
    const keys = all._tag === "Success" ? (all.success.body as Keys).keys : []
    const id = yield* meantBy(keys, named, now)
    const whose = id === named ? "" : ` of ${named}`
    if (!yes) {
      if (isLastAdmin(keys, id, now)) {
        const question = `${id}${whose} is the last admin key: without it nobody can make another (herald key recover can, on the server's host, while it is stopped).`
        if (!shell.inputTerminal)
          return yield* usage(
            question,
            "Make another admin key first: herald key create <name> --role admin --env '*'; or say --yes."
          )
        const answer = yield* shell.ask(`${printable(question)}\nRevoke it? Type yes: `)
        if (answer.trim().toLowerCase() !== "yes")
          return yield* usage("nothing was revoked", "Type yes, or give --yes.")
      }
    }
    yield* here.call({ method: "DELETE", path: `/v1/keys/${segment(id)}` })
    yield* here.emit(
      { id, revoked: true },
      (paint) => `${paint.green("revoked")} ${printable(`${id}${whose}`)}; its streams end within 5 s`
    )
  })
).pipe(
  Command.withDescription("Revoke an API key; its open streams end within 5 s"),
  Command.withExamples([
    { command: "herald key revoke 3f9c2a", description: "By the id of herald key list" },
    { command: "herald key revoke deployer", description: "By the principal's name, where it has one good key" }
  ])
)

/** No other key that is good for everything everywhere would be left. */
export const isLastAdmin = (keys: ReadonlyArray<ApiKey>, id: string, now: number): boolean => {
  const admins = keys.filter(
    (key) => key.role === "admin" && key.environments.includes("*") && ofEveryKey(key) && isGood(key, now)
  )
  return admins.length === 1 && admins[0]?.id === id
}

const recover = Command.make(
  "recover",
  {},
  Effect.fn("Key.recover")(function* () {
    const folder = yield* data
    yield* inItsPlace([...(folder === undefined ? [] : ["--data", folder]), "--recover-admin"])
  })
).pipe(
  Command.withDescription(
    "Make an admin key without having one, on a server's host while it is stopped: with its settings, its pepper and its database"
  ),
  Command.withShortDescription("Make an admin key when none is left"),
  Command.withExamples([
    {
      command: "herald key recover --data /var/lib/herald",
      description: "DATABASE_URL and HERALD_PEPPER as the server has them"
    }
  ])
)

export const key = Command.make("key").pipe(
  Command.withDescription("Make, rotate, list, exchange, revoke and recover API keys"),
  Command.withSubcommands([create, rotate, list, exchange, revoke, recover])
)
