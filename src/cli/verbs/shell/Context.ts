/** `herald context add|use|list|show|rename|remove`: servers by name. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { wrongToken } from "../../../client/Bearer.ts"
import { printable } from "../../../text/Printable.ts"
import { usage } from "../../CliFailure.ts"
import { changeContexts, chosen, type HeraldContext, noContext, readContexts } from "../../Contexts.ts"
import { given, optionalText, printing, yes } from "../../Globals.ts"
import { Shell } from "../../Shell.ts"
import { table } from "../../Table.ts"
import { readTls } from "../../Tls.ts"

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/
const LONGEST_TOKEN = 4_096

/** One word alone is a name of something else, such as of a context, sooner than a host's: that one is written with its scheme or port. */
const isAddress = (server: string): boolean =>
  /^https?:\/\//i.test(server)
    ? URL.canParse(server)
    : /^(localhost|[^/:\s]+\.[^/:\s]+|[^/\s]+:\d+|\[[0-9a-f:.]+\](:\d+)?)(\/|$)/i.test(server) &&
      URL.canParse(`http://${server}`)

/** Fails (exit code 2) for what can't be one. */
const checkedName = (name: string) =>
  NAME.test(name) && name !== "none"
    ? Effect.void
    : usage(`${name} can't be the name of a context`, "Use letters, digits, dots and dashes, such as production-eu.")

/** Where its token comes from; never the token. */
const tokenOf = ({ cert, login, token, tokenFile, tokenCommand }: HeraldContext): string =>
  tokenCommand !== undefined
    ? "by a command"
    : tokenFile !== undefined
      ? `file ${tokenFile}`
      : login !== undefined
        ? "by herald login"
        : token !== undefined
          ? "kept"
          : cert === undefined
            ? "none"
            : `certificate ${cert}`

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
    const { server, grpc, token, ca, cert, certKey } = yield* given
    yield* checkedName(name)
    if (token !== undefined)
      return yield* usage(
        "a token on a command line is in the shell's history and in the list of processes",
        "Give --token-file, --token-command or --token-stdin."
      )
    if (server === undefined)
      return yield* usage("a context needs an address", "Give --server https://herald.example.org.")
    if (!isAddress(server))
      return yield* usage(
        `--server ${server} is no address`,
        `Write it whole, such as https://${/^[\w-]+$/.test(server) ? server : "herald.example.org"}:8080.`
      )
    if ([tokenFile, tokenCommand, tokenStdin || undefined].filter((one) => one !== undefined).length > 1)
      return yield* usage("a context has one token", "Give one of --token-file, --token-command and --token-stdin.")
    const typed = tokenStdin ? new TextDecoder().decode(yield* shell.stdin(LONGEST_TOKEN)).trim() : undefined
    const wrong = typed === undefined ? undefined : wrongToken(typed)
    if (wrong !== undefined) return yield* usage(`the token ${wrong}`, "Pipe it in as it was printed.")
    yield* readTls({ ca, cert, key: certKey })
    const made: HeraldContext = {
      server,
      ...(ca === undefined ? {} : { ca: shell.absolute(ca) }),
      ...(cert === undefined ? {} : { cert: shell.absolute(cert) }),
      ...(certKey === undefined ? {} : { key: shell.absolute(certKey) }),
      ...(grpc === undefined ? {} : { grpc }),
      ...(env === undefined ? {} : { env }),
      ...(typed === undefined ? {} : { token: typed }),
      ...(tokenFile === undefined ? {} : { tokenFile: shell.absolute(tokenFile) }),
      ...(tokenCommand === undefined ? {} : { tokenCommand })
    }
    const { path, told: again } = yield* changeContexts((there) =>
      Effect.succeed([
        { ...there, current: use ? name : there.current, all: { ...there.all, [name]: made } },
        Object.hasOwn(there.all, name) ? "replaced" : "added"
      ])
    )
    yield* shell.progress(
      printable(`${again} ${name} in ${path}${use ? ", and used from now on" : `; use it: herald context use ${name}`}`)
    )
  })
).pipe(
  Command.withDescription(
    "Add a server by name, or replace it: its addresses (--server, --grpc), where its token comes from, and files for TLS (--ca, --cert, --cert-key)"
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
    },
    {
      command:
        "herald context add office --server https://herald.example.org --ca ca.pem --cert me.pem --cert-key me.key",
      description: "A certificate instead of a token"
    }
  ])
)

const use = Command.make(
  "use",
  { name: Argument.String("name").pipe(Argument.withDescription("A context; none for the local server")) },
  Effect.fn("Context.use")(function* ({ name }) {
    const shell = yield* Shell
    const { told } = yield* changeContexts(
      Effect.fnUntraced(function* (there) {
        const { all } = there
        if (name === "none")
          return [{ ...there, current: undefined }, "no context is used: the local server is meant"] as const
        if (!Object.hasOwn(all, name)) return yield* noContext(name, Object.keys(all))
        return [{ ...there, current: name }, `using ${name}: ${printable(all[name]!.server)}`] as const
      })
    )
    yield* shell.progress(told)
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
      token: tokenOf(one)
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

const show = Command.make(
  "show",
  {
    name: Argument.String("name").pipe(
      Argument.withDescription("A context; the one in use unless given"),
      Argument.optional,
      Argument.map(Option.getOrUndefined)
    )
  },
  Effect.fn("Context.show")(function* ({ name }) {
    const here = yield* printing
    const found = yield* chosen(name ?? (yield* given).context)
    if (found === undefined)
      return yield* usage(
        "no context is used: the local server is meant",
        "See those that there are: herald context list. Use one: herald context use <name>."
      )
    const { server, grpc = null, env = null, ca = null, cert = null, key = null } = found
    const shown = { name: found.name, server, grpc, env, token: tokenOf(found), ca, cert, key }
    yield* here.emit(shown, (paint) =>
      Object.entries(shown)
        .map(([title, value]) => `${paint.dim(title.padEnd(6))} ${printable(value ?? "-")}`)
        .join("\n")
    )
  })
).pipe(
  Command.withDescription("Show a server that has a name, and where its token comes from; the token is not shown"),
  Command.withShortDescription("Show the server that is used"),
  Command.withExamples([
    { command: "herald context show", description: "The one that is used" },
    { command: "herald context show staging", description: "Another one" }
  ])
)

const rename = Command.make(
  "rename",
  {
    name: Argument.String("name").pipe(Argument.withDescription("A context (herald context list)")),
    to: Argument.String("to").pipe(Argument.withDescription("What to call it"))
  },
  Effect.fn("Context.rename")(function* ({ name, to }) {
    const shell = yield* Shell
    yield* checkedName(to)
    yield* changeContexts(
      Effect.fnUntraced(function* (there) {
        const { current, all } = there
        if (!Object.hasOwn(all, name)) return yield* noContext(name, Object.keys(all))
        if (Object.hasOwn(all, to))
          return yield* usage(
            `there is a context ${to} already`,
            `Give another name, or take that one away: herald context remove ${to}`
          )
        const renamed = Object.fromEntries(Object.entries(all).map(([one, its]) => [one === name ? to : one, its]))
        return [{ ...there, current: current === name ? to : current, all: renamed }, undefined] as const
      })
    )
    yield* shell.progress(`renamed ${name} to ${to}`)
  })
).pipe(
  Command.withDescription("Call a server otherwise; it stays in use where it was"),
  Command.withExamples([{ command: "herald context rename prod production-eu", description: "All else stays" }])
)

const remove = Command.make(
  "remove",
  { name: Argument.String("name").pipe(Argument.withDescription("The context to remove (herald context list)")) },
  Effect.fn("Context.remove")(function* ({ name }) {
    const shell = yield* Shell
    const { told } = yield* changeContexts(
      Effect.fnUntraced(function* (there) {
        const { current, all } = there
        if (!Object.hasOwn(all, name)) return yield* noContext(name, Object.keys(all))
        const { [name]: _, ...rest } = all
        const used = current === name
        return [{ ...there, current: used ? undefined : current, all: rest }, used] as const
      })
    )
    yield* shell.progress(`removed ${name}${told ? "; no context is used now" : ""}`)
  })
).pipe(
  Command.withDescription("Forget a server's name, and its token where it was kept"),
  Command.withExamples([{ command: "herald context remove staging", description: "The server itself stays as it is" }])
)

export const context = Command.make("context").pipe(
  Command.withDescription("Name servers, and choose the one that is meant"),
  Command.withSubcommands([add, use, list, show, rename, remove])
)
