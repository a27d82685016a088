/** `herald access can-i|whoami|list`: who may what, as the server decides it. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { kinds, type Permission } from "../../../access/Identity.ts"
import type { Answered, Grants, Self } from "../../../edge/http/access/Wire.ts"
import { printable } from "../../../text/Printable.ts"
import { CliFailure, usage } from "../../CliFailure.ts"
import { env, invocation, optionalText } from "../../Globals.ts"
import { guardsText, guardText } from "../../Guarded.ts"
import { requireEnvironment } from "../../Near.ts"
import type { Paint } from "../../Paint.ts"
import { facts, table, time } from "../../Table.ts"

/** What people do, and the permission that it needs: of keys, and of topics where that is another. */
const deeds = {
  read: ["config.read", "topics.read"],
  publish: ["config.write", "topics.publish"],
  delete: ["config.write", "topics.manage"],
  rollback: ["config.write", undefined],
  subscribe: ["subscribe", "topics.consume"],
  "see-clients": ["clients.read", undefined],
  "read-audit": ["audit.read", undefined],
  "manage-keys": ["keys.manage", undefined],
  "manage-topics": [undefined, "topics.manage"]
} as const satisfies Record<string, readonly [ofKeys: Permission | undefined, ofTopics: Permission | undefined]>
type Deed = keyof typeof deeds
const named = Object.keys(deeds) as ReadonlyArray<Deed>

const everywhere = Flag.Boolean("everywhere").pipe(
  Flag.withDescription("In every environment, not in one"),
  Flag.withoutNegation,
  Flag.withDefault(false)
)
const about = {
  env,
  everywhere,
  kind: Flag.Literals("kind", kinds).pipe(
    Flag.withDescription("What the key is a key of; config unless given"),
    Flag.optional,
    Flag.map(Option.getOrUndefined)
  ),
  topic: optionalText("topic", "A topic, in the place of a key", "name")
}

interface Asked {
  readonly deed: string
  readonly key: string | undefined
  readonly env: string | undefined
  readonly everywhere: boolean
  readonly kind: string | undefined
  readonly topic: string | undefined
}

/** "Without a key" of what is always about all of them. */
const ALL: ReadonlySet<Permission> = new Set(["keys.manage", "audit.read"])

const queryOf = Effect.fnUntraced(function* (
  { deed, key, env, everywhere, kind, topic }: Asked,
  environment: (flag: string | undefined) => string
) {
  if (!named.includes(deed as Deed))
    return yield* usage(`nobody can ${deed} here`, `Ask for one of ${named.join(", ")}.`)
  if (topic !== undefined && (key !== undefined || kind !== undefined))
    return yield* usage("--topic stands in the place of a key", "Give either a key or --topic.")
  if (everywhere && env !== undefined)
    return yield* usage("--everywhere and --env exclude each other", "Ask about one environment, or about all.")
  const [ofKeys, ofTopics] = deeds[deed as Deed]
  const permission = topic === undefined ? (ofKeys ?? ofTopics) : ofTopics
  if (permission === undefined) return yield* usage(`nobody can ${deed} a topic`, "Leave --topic out.")
  if (key !== undefined && (ALL.has(permission) || ofKeys === undefined))
    return yield* usage(
      `${deed} is about ${ofKeys === undefined ? "topics" : "everything"}: it takes no key`,
      ofKeys === undefined ? "Name it with --topic." : `Leave ${key} out.`
    )
  if (permission.startsWith("topics.")) return { permission, ...(topic === undefined ? {} : { topic }) }
  const where = everywhere || (ALL.has(permission) && env === undefined) ? {} : { environment: environment(env) }
  return { permission, ...where, ...(kind === undefined ? {} : { kind }), ...(key === undefined ? {} : { key }) }
})

const seconded = ({ protections = [], hidden = 0 }: Answered): string =>
  protections.length + hidden === 0
    ? ""
    : `with a second person (${protections.length + hidden === 1 ? "protection" : "protections"} ${guardsText(protections.map(guardText), hidden)}), `

const canI = Command.make(
  "can-i",
  {
    deed: Argument.String("do").pipe(Argument.withDescription(`What: ${named.join(", ")}`)),
    key: Argument.String("key").pipe(
      Argument.withDescription("With which key, or all of a pattern: payments.*; all of them unless given"),
      Argument.optional,
      Argument.map(Option.getOrUndefined)
    ),
    ...about
  },
  Effect.fn("Access.canI")(function* (asked) {
    const here = yield* invocation
    const query = yield* queryOf(asked, here.environment)
    const { body } = yield* here.call({ method: "GET", path: "/v1/access/can-i", query })
    const found = body as Answered
    const { environment } = query as { readonly environment?: string }
    // Whoever may do all may do it in an environment that is only to come, and in one that was misspelt. NE2
    if (found.may && environment !== undefined) yield* requireEnvironment(here, environment, "--env", true)
    yield* here.emit(found, (paint) =>
      found.may
        ? paint.green(`yes, ${seconded(found)}by ${found.rule}`)
        : `${paint.red("no")}, by ${found.rule}: ${printable(found.why ?? "")}`
    )
    if (found.may) return
    return yield* new CliFailure({
      code: "",
      title: "No",
      what:
        here.format === "table"
          ? `the rule "${found.rule}" decided`
          : (found.why ?? `the rule ${found.rule} does not allow it`),
      why: "",
      fix: "Ask an admin for a key that may; they see who can with herald access list --for.",
      exit: 1,
      trace: "",
      retryable: false,
      retryAfter: 0
    })
  })
).pipe(
  Command.withDescription("Say whether this token may do something, and by which rule; exit code 0: yes, 1: no"),
  Command.withShortDescription("Say whether you may do something"),
  Command.withExamples([
    { command: "herald access can-i publish payments.db --env production", description: "A key" },
    { command: "herald access can-i subscribe 'payments.*'", description: "All of a pattern" },
    { command: "herald access can-i delete checkout --kind flag", description: "A flag" },
    { command: "herald access can-i publish --topic orders/eu", description: "Events" },
    { command: "herald access can-i read --everywhere --output json", description: "Every key, everywhere" }
  ])
)

const list = (texts: ReadonlyArray<string>): string => texts.join(", ")
const kindsShown = (its: ReadonlyArray<string>): string => (its.length === kinds.length ? "all" : list(its))

const showSelf = (self: Self, paint: Paint): string =>
  facts(
    [
      ["name", self.name],
      ["called", self.called ?? ""],
      ["key", self.keyId],
      ["signed in by", self.by],
      ["role", `${self.role} in ${list(self.environments)}`],
      ["keys", list(self.keys)],
      ["kinds", kindsShown(self.kinds)],
      ["topics", self.topics.length === 0 ? "none" : list(self.topics)],
      ["permissions", list(self.permissions)],
      ["until", self.until === null ? "" : time(self.until)],
      ["note", self.notes?.join("\n") ?? ""] // a server of before has none
    ],
    paint
  )

const whoami = Command.make(
  "whoami",
  {},
  Effect.fn("Access.whoami")(function* () {
    const here = yield* invocation
    const { body } = yield* here.call({ method: "GET", path: "/v1/access/whoami" })
    yield* here.emit(body, (paint) => showSelf(body as Self, paint))
  })
).pipe(
  Command.withDescription("Show whose token this is, and what it may"),
  Command.withExamples([{ command: "herald access whoami", description: "Role, environments, keys, kinds and topics" }])
)

const who = Command.make(
  "list",
  {
    for: optionalText("for", `Only who can do this: ${named.join(", ")}`, "do"),
    key: Argument.String("key").pipe(
      Argument.withDescription("With which key, or all of a pattern, for --for; all of them unless given"),
      Argument.optional,
      Argument.map(Option.getOrUndefined)
    ),
    ...about
  },
  Effect.fn("Access.list")(function* ({ for: deed, ...asked }) {
    const here = yield* invocation
    if (deed === undefined && asked.key !== undefined)
      return yield* usage(
        "a key is named, but not what is done with it",
        "Write: herald access list --for publish <key>"
      )
    const query = deed === undefined ? {} : yield* queryOf({ ...asked, deed }, here.environment)
    const { body } = yield* here.call({ method: "GET", path: "/v1/access/grants", query })
    const all = (body as Grants).grants
    const grants = deed === undefined ? all : all.filter(({ answer }) => answer?.may === true)
    yield* here.emit(grants, (paint) =>
      table(
        grants,
        [
          { title: "ID", value: ({ id }) => id, paint: () => paint.bold },
          { title: "PRINCIPAL", value: ({ name }) => name },
          { title: "ROLE", value: ({ role }) => role },
          { title: "ENVIRONMENTS", value: ({ environments }) => list(environments) },
          { title: "KEYS", value: ({ keys }) => list(keys) },
          { title: "KINDS", value: (grant) => kindsShown(grant.kinds) },
          { title: "TOPICS", value: ({ topics }) => list(topics) || "-" },
          { title: "UNTIL", value: ({ expiresAt }) => (expiresAt === null ? "-" : time(expiresAt)) }
        ],
        paint,
        here.room
      )
    )
  })
).pipe(
  Command.withDescription("List the API keys that are good, with what each may; with --for, only those that can do it"),
  Command.withShortDescription("List who may what"),
  Command.withExamples([
    { command: "herald access list", description: "Everybody" },
    { command: "herald access list --for publish payments.db --env production", description: "Who could" }
  ])
)

export const access = Command.make("access").pipe(
  Command.withDescription("Ask who may what"),
  Command.withSubcommands([canI, whoami, who])
)
