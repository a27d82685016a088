/** A terminal or a pipe that a test gives to the command line; it remembers what was printed. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import { checkout } from "../../src/cli/Checkout.ts"
import { type CliFailure, usage } from "../../src/cli/CliFailure.ts"
import { folder } from "../../src/cli/Folder.ts"
import { run } from "../../src/cli/Herald.ts"
import { Retries } from "../../src/cli/Http.ts"
import type { Shell } from "../../src/cli/Shell.ts"

export interface TerminalOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly files?: Readonly<Record<string, string | Uint8Array>>
  readonly stdin?: string | Uint8Array
  /** Standard output and standard error are a terminal (without colours), not a pipe. */
  readonly terminal?: boolean
  readonly retries?: { readonly within: number; readonly first: number; readonly timeout: number }
  /** Sees each line of standard error as it is printed. */
  readonly progress?: (line: string) => void
  readonly serverExit?: number
  /** Characters of a line. */
  readonly columns?: number
  readonly rows?: number
  /** What a person answers when asked. */
  readonly answer?: string
  /** What a person makes of a text in an editor, the first time, the second and so on. */
  readonly edits?: ReadonlyArray<(text: string) => string>
  /** What commands of the user's shell print. */
  readonly commands?: Readonly<Record<string, string>>
  /** Of writes that have no idempotency key; "uuid-1" and so on unless given. */
  readonly uuid?: () => string
  /** Runs before each line of standard output: a reader that is slow, or gone. */
  readonly reader?: Effect.Effect<void>
}

export const NOW = Date.UTC(2026, 0, 2, 3, 4, 5)

export const terminal = (options: TerminalOptions = {}) => {
  const out: Array<string> = []
  const err: Array<string> = []
  const servers: Array<{ readonly args: ReadonlyArray<string>; readonly env: Record<string, string> }> = []
  const lives: Array<string> = []
  const steered: Array<string> = []
  const asked: Array<string> = []
  const opened: Array<string> = []
  const saved: Record<string, string> = {}
  const removed: Array<string> = []
  const edits = [...(options.edits ?? [])]
  let uuids = 0
  const bytesOf = (content: string | Uint8Array, most: number) =>
    (typeof content === "string" ? new TextEncoder().encode(content) : content).subarray(0, most + 1)
  const file = (path: string, most: number): Effect.Effect<Uint8Array, CliFailure> => {
    const content = options.files?.[path]
    return content === undefined
      ? Effect.fail(usage(`${path}: there is no such file`, "Give the path of a readable file."))
      : Effect.succeed(bytesOf(content, most))
  }
  const text = (path: string) => {
    const content = saved[path] ?? options.files?.[path]
    return Effect.succeed(content === undefined ? undefined : new TextDecoder().decode(bytesOf(content, 1_048_576)))
  }
  const shell: Shell["Service"] = {
    env: { NO_COLOR: "1", ...options.env },
    terminal: options.terminal === true,
    errorTerminal: options.terminal === true,
    inputTerminal: options.terminal === true,
    columns: () => options.columns ?? 0,
    rows: () => options.rows ?? 0,
    live: (line) => Effect.sync(() => void lives.push(line)),
    steer: (sequence) => Effect.sync(() => void steered.push(sequence)),
    ask: (question) =>
      Effect.sync(() => {
        asked.push(question)
        return options.answer ?? ""
      }),
    edit: (_, name, text) =>
      Effect.sync(() => {
        opened.push(text)
        return { path: `/tmp/edited/${name}`, text: (edits.shift() ?? ((same: string) => same))(text) }
      }),
    removeFile: (path) => Effect.sync(() => void removed.push(path)),
    saveFile: (path, text) => Effect.sync(() => void (saved[path] = text)),
    alone: (_, effect) => effect,
    outputOf: (command) => Effect.succeed(options.commands?.[command] ?? ""),
    now: Effect.succeed(NOW),
    hostname: "host",
    pid: 7,
    out: (line) =>
      Effect.andThen(
        options.reader ?? Effect.void,
        Effect.sync(() => void out.push(line))
      ),
    progress: (line) =>
      Effect.sync(() => {
        err.push(line)
        options.progress?.(line)
      }),
    stdin: (most) => Effect.succeed(bytesOf(options.stdin ?? "", most)),
    readFile: file,
    readFileIfAny: text,
    readTrusted: text,
    checkout,
    folder,
    absolute: (path) => (path.startsWith("/") ? path : `/here/${path}`),
    uuid: Effect.sync(() => options.uuid?.() ?? `uuid-${++uuids}`),
    runServer: (args, env) =>
      Effect.sync(() => {
        servers.push({ args, env })
        return options.serverExit ?? 0
      })
  }
  const effect = (...args: ReadonlyArray<string>) =>
    run(args, shell).pipe(
      Effect.provide(NodeServices.layer),
      Effect.provideService(Retries, options.retries ?? { within: 60_000, first: 1, timeout: 60_000 })
    )
  return {
    out,
    err,
    servers,
    lives,
    steered,
    asked,
    opened,
    saved,
    removed,
    shell,
    effect,
    run: (...args: ReadonlyArray<string>): Promise<number> => Effect.runPromise(effect(...args)),
    /** Runs until the test ends it, as Ctrl-C does. */
    start: (...args: ReadonlyArray<string>) => Effect.runFork(effect(...args)),
    get json() {
      return JSON.parse(out.join("\n"))
    },
    get printed() {
      return out.join("\n")
    },
    get said() {
      return err.join("\n")
    }
  }
}
