/** `herald context add|use|list|remove`: servers by name. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { wrongToken } from "../../../client/Bearer.ts"
import { printable } from "../../../text/Printable.ts"
import { usage } from "../../CliFailure.ts"
import { type HeraldContext, noContext, readContexts, saveContexts } from "../../Contexts.ts"
import { given, optionalText, printing, yes } from "../../Globals.ts"
import { Shell } from "../../Shell.ts"
import { table } from "../../Table.ts"

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/
const LONGEST_TOKEN = 4_096

const add = Command.make(
  "add",
  {
    name: Argument.String("name").pipe(
      Argument.withDescription("What to call the server: letters, digits, dots and dashes")
    ),
    env: optionalText("env", "Environment of verbs that name none", "name"),
    tokenFile: optionalText("token-file", "Read the token from this file each time", "file"),
    tokenCommand: optionalText("token-command", "Run this each time; it prints the token", "command"),
    tokenStdin: yes("token-stdin", "Read the token from standard input now, and keep it (file mode 0600)"),
    use: yes("use", "Use it from now on")
  },
  Effect.fn("Context.add")(function* ({ name, env, tokenFile, tokenCommand, tokenStdin, use }) {
    const shell = yield* Shell
    const { server, grpc, token } = yield* given
    if (!NAME.test(name) || name === "none")
      return yield* usage(
        `${name} can't be the name of a context`,
        "Use letters, digits, dots and dashes, such as production-eu."
      )
    if (token !== undefined)
      return yield* usage(
        "a token on a command line is in the shell's history and in the list of processes",
        "Give --token-file, --token-command or --token-stdin."
      )
    if (server === undefined)
      return yield* usage("a context needs an address", "Give --server https://herald.example.org.")
    if ([tokenFile, tokenCommand, tokenStdin || undefined].filter((one) => one !== undefined).length > 1)
      return yield* usage("a context has one token", "Give one of --token-file, --token-command and --token-stdin.")
    const typed = tokenStdin ? new TextDecoder().decode(yield* shell.stdin(LONGEST_TOKEN)).trim() : undefined
    const wrong = typed === undefined ? undefined : wrongToken(typed)
    if (wrong !== undefined) return yield* usage(`the token ${wrong}`, "Pipe it in as it was printed.")
    const made: HeraldContext = {
      server,
      ...(grpc === undefined ? {} : { grpc }),
      ...(env === undefined ? {} : { env }),
      ...(typed === undefined ? {} : { token: typed }),
      ...(tokenFile === undefined ? {} : { tokenFile: shell.absolute(tokenFile) }),
      ...(tokenCommand === undefined ? {} : { tokenCommand })
    }
    const { current, all } = yield* readContexts()
    const path = yield* saveContexts({ current: use ? name : current, all: { ...all, [name]: made } })
    const again = Object.hasOwn(all, name) ? "replaced" : "added"
    yield* shell.progress(
      printable(`${again} ${name} in ${path}${use ? ", and used from now on" : `; use it: herald context use ${name}`}`)
    )
  })
).pipe(
  Command.withDescription(
    "Add a server by name, or replace it: its addresses (--server, --grpc) and where its token comes from"
  ),
  Command.withShortDescription("Add a server by name"),
  Command.withExamples([
    {
      command:
        "herald context add production --server https://herald.example.org --grpc herald.example.org:50051 --token-file ~/.herald-token --use",
      description: "The token from a file"
    },
    {
      command: `herald context add staging --server https://staging.example.org --token-command "pass show herald/staging"`,
      description: "The token from a password store"
    }
  ])
)

const use = Command.make(
  "use",
  { name: Argument.String("name").pipe(Argument.withDescription("A context; none for the local server")) },
  Effect.fn("Context.use")(function* ({ name }) {
    const shell = yield* Shell
    const { all } = yield* readContexts()
    if (name !== "none" && !Object.hasOwn(all, name)) return yield* noContext(name, Object.keys(all))
    yield* saveContexts({ current: name === "none" ? undefined : name, all })
    yield* shell.progress(
      name === "none"
        ? "no context is used: the local server is meant"
        : `using ${name}: ${printable(all[name]!.server)}`
    )
  })
).pipe(
  Command.withDescription("Use a server from now on; HERALD_CONTEXT and --context say otherwise for one command"),
  Command.withShortDescription("Use a server from now on"),
  Command.withExamples([
    { command: "herald context use production", description: "From now on" },
    { command: "herald context use none", description: "The local server again" }
  ])
)

const list = Command.make(
  "list",
  {},
  Effect.fn("Context.list")(function* () {
    const here = yield* printing
    const { current, all } = yield* readContexts()
    const rows = Object.entries(all).map(([name, one]) => ({
      name,
      current: name === current,
      server: one.server,
      grpc: one.grpc ?? null,
      env: one.env ?? null,
      token:
        one.tokenCommand !== undefined
          ? "by a command"
          : one.tokenFile !== undefined
            ? `file ${one.tokenFile}`
            : one.token === undefined
              ? "none"
              : "kept"
    }))
    yield* here.emit(rows, (paint) =>
      rows.length === 0
        ? "no context; add one: herald context add <name> --server <url> --token-file <file>"
        : table(
            rows,
            [
              { title: "", value: (row) => (row.current ? "*" : "") },
              { title: "NAME", value: (row) => row.name, paint: () => paint.bold },
              { title: "SERVER", value: (row) => row.server },
              { title: "GRPC", value: (row) => row.grpc ?? "-" },
              { title: "ENV", value: (row) => row.env ?? "-" },
              { title: "TOKEN", value: (row) => row.token }
            ],
            paint,
            here.room
          )
    )
  })
).pipe(
  Command.withDescription("List the servers that have a name; tokens are not shown"),
  Command.withExamples([{ command: "herald context list", description: "The one that is used has a star" }])
)

const remove = Command.make(
  "remove",
  { name: Argument.String("name").pipe(Argument.withDescription("The context to remove (herald context list)")) },
  Effect.fn("Context.remove")(function* ({ name }) {
    const shell = yield* Shell
    const { current, all } = yield* readContexts()
    if (!Object.hasOwn(all, name)) return yield* noContext(name, Object.keys(all))
    const { [name]: _, ...rest } = all
    yield* saveContexts({ current: current === name ? undefined : current, all: rest })
    yield* shell.progress(`removed ${name}${current === name ? "; no context is used now" : ""}`)
  })
).pipe(
  Command.withDescription("Forget a server's name, and its token where it was kept"),
  Command.withExamples([{ command: "herald context remove staging", description: "The server itself stays as it is" }])
)

export const context = Command.make("context").pipe(
  Command.withDescription("Name servers, and choose the one that is meant"),
  Command.withSubcommands([add, use, list, remove])
)
