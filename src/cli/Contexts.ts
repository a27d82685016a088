/**
 * Servers by name, as kubectl's contexts: where they are and how their token is got.
 *
 *   CX1  The file is this user's alone (0600). A token comes from it, from a file or from a command, never from a command line.
 *   CX3  A file that others may write, or that is another user's, is refused: it says what is run, and where a token goes. So is such a
 *        token's file. Links are followed, as Kubernetes mounts secrets (0644 and root's, unless told otherwise): the file they name is judged.
 *   CX2  A context's token goes to the context's addresses only: not to an address that a flag or the environment names instead.
 *   CX4  Of several that change the file at once, each change counts: one after the other, each from what the one before it left.
 *   CX5  What this version does not know is kept as it is, so that an older one takes nothing away of what a newer one wrote.
 */
import * as Effect from "effect/Effect"
import { usage } from "./CliFailure.ts"
import { Shell } from "./Shell.ts"

export interface HeraldContext {
  readonly server: string
  readonly grpc?: string
  readonly env?: string
  readonly token?: string
  readonly tokenFile?: string
  readonly tokenCommand?: string
  /** Files, in PEM: the authorities that are trusted, and what one shows of oneself. */
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  /** What `herald login` was given. */
  readonly login?: Readonly<Record<string, unknown>>
}

type Others = Readonly<Record<string, unknown>>

export interface Contexts {
  readonly current: string | undefined
  readonly all: Readonly<Record<string, HeraldContext>>
  /** Of the file, and of its contexts, what is none that this version knows. CX5 */
  readonly besides?: { readonly fields: Others; readonly contexts: Others }
}

const none: Contexts = { current: undefined, all: {} }

/** Undefined where there is no home. */
export const pathOf = (env: Readonly<Record<string, string | undefined>>): string | undefined => {
  if (env["HERALD_CONTEXTS"]) return env["HERALD_CONTEXTS"]
  const home = env["HOME"] || env["USERPROFILE"]
  const config = env["XDG_CONFIG_HOME"] || (home ? `${home}/.config` : undefined)
  return config === undefined ? undefined : `${config}/herald/contexts.json`
}

const TEXTS = ["server", "grpc", "env", "token", "tokenFile", "tokenCommand", "ca", "cert", "key"] as const

const isRecord = (value: unknown): value is Others =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** With what it has besides. CX5 */
const contextOf = (value: unknown): HeraldContext | undefined => {
  if (!isRecord(value) || typeof value["server"] !== "string") return undefined
  const wrong = TEXTS.filter((name) => value[name] !== undefined && typeof value[name] !== "string")
  const { login, ...made } = Object.fromEntries(
    Object.entries(value).filter(([name]) => !wrong.some((one) => one === name))
  )
  return { ...made, server: value["server"], ...(isRecord(login) ? { login } : {}) }
}

const contextsIn = (text: string): Contexts => {
  const read: unknown = JSON.parse(text)
  const { current, contexts, ...fields } = isRecord(read) ? read : {}
  const all: Record<string, HeraldContext> = {}
  const others: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(isRecord(contexts) ? contexts : {})) {
    const one = contextOf(value)
    if (one === undefined) others[name] = value
    else all[name] = one
  }
  return {
    current: typeof current === "string" ? current : undefined,
    all,
    besides: { fields, contexts: others }
  }
}

export const readContexts = Effect.fnUntraced(function* () {
  const shell = yield* Shell
  const path = pathOf(shell.env)
  const text = path === undefined ? undefined : yield* shell.readTrusted(path) // CX3
  if (text === undefined) return none
  return yield* Effect.try({
    try: () => contextsIn(text),
    catch: () => usage(`${path} is not JSON`, "Correct it, or remove it and add the contexts again.")
  })
})

const textOf = ({ current, all, besides }: Contexts): string =>
  `${JSON.stringify({ ...besides?.fields, current, contexts: { ...besides?.contexts, ...all } }, null, 2)}\n`

/**
 * What `change` makes of them is what there is from now on; nobody else changes them meanwhile. Succeeds with what `change` gives besides, and the file's path.
 * CX1, CX4
 */
export const changeContexts = Effect.fnUntraced(function* <A, E, R>(
  change: (contexts: Contexts) => Effect.Effect<readonly [Contexts, A], E, R>
) {
  const shell = yield* Shell
  const path = pathOf(shell.env)
  if (path === undefined)
    return yield* usage("there is no home folder to keep contexts in", "Set HOME or HERALD_CONTEXTS.")
  return yield* shell.alone(
    path,
    Effect.gen(function* () {
      const [contexts, told] = yield* change(yield* readContexts())
      yield* shell.saveFile(path, textOf(contexts))
      return { path, told }
    })
  )
})

export const noContext = (name: string, known: ReadonlyArray<string>) =>
  usage(
    `there is no context ${name}`,
    known.length === 0
      ? "None was added yet: herald context add <name> --server <url> --token-file <file>"
      : `There are: ${known.join(", ")}.`
  )

/** Undefined where none is chosen. */
export const chosen = Effect.fnUntraced(function* (flag: string | undefined) {
  const shell = yield* Shell
  const named = flag ?? (shell.env["HERALD_CONTEXT"] || undefined)
  if (named === "none") return undefined
  const { current, all } = yield* readContexts()
  const name = named ?? current
  if (name === undefined) return undefined
  const found = Object.hasOwn(all, name) ? all[name] : undefined
  if (found !== undefined) return { name, ...found }
  const known = Object.keys(all)
  return yield* noContext(name, known)
})

/** CX1 */
export const tokenOf = Effect.fnUntraced(function* ({ token, tokenFile, tokenCommand }: HeraldContext) {
  const shell = yield* Shell
  if (tokenCommand !== undefined) return (yield* shell.outputOf(tokenCommand)).trim() || undefined
  if (tokenFile === undefined) return token
  const text = yield* shell.readTrusted(tokenFile) // CX3
  if (text === undefined) return yield* usage(`${tokenFile} is not there`, "Correct the context's --token-file.")
  return text.trim() || undefined
})
