/**
 * Servers by name, as kubectl's contexts: where they are and how their token is got.
 *
 *   CX1  The file is this user's alone (0600). A token comes from it, from a file or from a command, never from a command line.
 *   CX3  A file that others may write, or that is another user's, is refused: it says what is run, and where a token goes. So is such a
 *        token's file. Links are followed, as Kubernetes mounts secrets (0644 and root's, unless told otherwise): the file they name is judged.
 *   CX2  A context's token goes to the context's addresses only: not to an address that a flag or the environment names instead.
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
}

export interface Contexts {
  readonly current: string | undefined
  readonly all: Readonly<Record<string, HeraldContext>>
}

const none: Contexts = { current: undefined, all: {} }

/** Undefined where there is no home. */
export const pathOf = (env: Readonly<Record<string, string | undefined>>): string | undefined => {
  if (env["HERALD_CONTEXTS"]) return env["HERALD_CONTEXTS"]
  const home = env["HOME"] || env["USERPROFILE"]
  const config = env["XDG_CONFIG_HOME"] || (home ? `${home}/.config` : undefined)
  return config === undefined ? undefined : `${config}/herald/contexts.json`
}

const fields = ["server", "grpc", "env", "token", "tokenFile", "tokenCommand"] as const

const contextOf = (value: unknown): HeraldContext | undefined => {
  if (typeof value !== "object" || value === null) return undefined
  const given = value as Record<string, unknown>
  const texts = fields.flatMap((name) => (typeof given[name] === "string" ? [[name, given[name]]] : []))
  const made = Object.fromEntries(texts) as Partial<HeraldContext>
  return made.server === undefined ? undefined : { ...made, server: made.server }
}

export const readContexts = Effect.fnUntraced(function* () {
  const shell = yield* Shell
  const path = pathOf(shell.env)
  const text = path === undefined ? undefined : yield* shell.readTrusted(path) // CX3
  if (text === undefined) return none
  try {
    const read = JSON.parse(text) as { readonly current?: unknown; readonly contexts?: unknown }
    const named = Object.entries(typeof read.contexts === "object" && read.contexts !== null ? read.contexts : {})
    return {
      current: typeof read.current === "string" ? read.current : undefined,
      all: Object.fromEntries(
        named.flatMap(([name, value]) => {
          const one = contextOf(value)
          return one === undefined ? [] : [[name, one]]
        })
      )
    } satisfies Contexts
  } catch {
    return yield* usage(`${path} is not JSON`, "Correct it, or remove it and add the contexts again.")
  }
})

/** CX1 */
export const saveContexts = Effect.fnUntraced(function* ({ current, all }: Contexts) {
  const shell = yield* Shell
  const path = pathOf(shell.env)
  if (path === undefined)
    return yield* usage("there is no home folder to keep contexts in", "Set HOME or HERALD_CONTEXTS.")
  yield* shell.saveFile(path, `${JSON.stringify({ current, contexts: all }, null, 2)}\n`)
  return path
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
