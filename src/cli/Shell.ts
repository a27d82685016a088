/** Port: the process around the CLI. `Process.ts` implements it; tests have one of their own. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { CliFailure } from "./CliFailure.ts"

export class Shell extends Context.Service<
  Shell,
  {
    readonly env: Readonly<Record<string, string | undefined>>
    /** Is standard output / standard error a terminal? */
    readonly terminal: boolean
    readonly errorTerminal: boolean
    readonly now: Effect.Effect<number>
    readonly hostname: string
    readonly pid: number
    /** Results: a line to standard output. */
    readonly out: (line: string) => Effect.Effect<void>
    /** Progress and errors: a line to standard error. */
    readonly progress: (line: string) => Effect.Effect<void>
    /** What comes in, up to one byte more than `most`. */
    readonly stdin: (most: number) => Effect.Effect<Uint8Array, CliFailure>
    /** What a file has, up to one byte more than `most`. */
    readonly readFile: (path: string, most: number) => Effect.Effect<Uint8Array, CliFailure>
    /** Undefined when it does not exist, may not be read, is a link, or belongs to neither this user nor root. */
    readonly readFileIfAny: (path: string) => Effect.Effect<string | undefined>
    readonly uuid: Effect.Effect<string>
    /** Replaces this process by the server, or runs it until it ends. Gives its exit code. */
    readonly runServer: (args: ReadonlyArray<string>, env: Record<string, string>) => Effect.Effect<number, CliFailure>
  }
>()("herald/cli/Shell") {}
