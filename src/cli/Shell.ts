/** Port: the process around the CLI. `Process.ts` implements it; tests have one of their own. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { Checkout } from "./Checkout.ts"
import type { CliFailure } from "./CliFailure.ts"
import type { Folder } from "./Folder.ts"

export class Shell extends Context.Service<
  Shell,
  {
    readonly env: Readonly<Record<string, string | undefined>>
    /** Is standard output / standard error a terminal? */
    readonly terminal: boolean
    readonly errorTerminal: boolean
    /** Can a person answer on standard input? */
    readonly inputTerminal: boolean
    /** Characters of a line of the terminal, as of now; 0 where none is known. */
    readonly columns: () => number
    readonly rows: () => number
    readonly now: Effect.Effect<number>
    readonly hostname: string
    readonly pid: number
    /** Results: a line to standard output. */
    readonly out: (line: string) => Effect.Effect<void>
    /** Progress and errors: a line to standard error. */
    readonly progress: (line: string) => Effect.Effect<void>
    /** A line of standard error that the next one takes the place of; a terminal's only. "" takes it away. */
    readonly live: (line: string) => Effect.Effect<void>
    /** What steers the terminal itself, such as its other screen; never what others wrote. */
    readonly steer: (sequence: string) => Effect.Effect<void>
    /** The line that a person types as the answer. */
    readonly ask: (question: string) => Effect.Effect<string>
    /**
     * Lets a person change a text with a program, and gives it back; `name` ends the file's name. The file stays until `removeFile`.
     * Whoever leaves in the middle is told where it is; where nothing was typed, it is gone.
     */
    readonly edit: (
      program: string,
      name: string,
      text: string,
      /** The text is already something that the person typed. */
      typed: boolean
    ) => Effect.Effect<{ readonly path: string; readonly text: string }, CliFailure>
    readonly removeFile: (path: string) => Effect.Effect<void>
    /** For this user alone (0600), whole or not at all. */
    readonly saveFile: (path: string, text: string) => Effect.Effect<void, CliFailure>
    /** Runs it while no other process runs one for this file. Fails (exit code 2) where it can't have that within 10 s. */
    readonly alone: <A, E, R>(path: string, effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | CliFailure, R>
    /** What a command line of the user's own shell prints. */
    readonly outputOf: (command: string) => Effect.Effect<string, CliFailure>
    /** What comes in, up to one byte more than `most`. */
    readonly stdin: (most: number) => Effect.Effect<Uint8Array, CliFailure>
    /** What a file has, up to one byte more than `most`. */
    readonly readFile: (path: string, most: number) => Effect.Effect<Uint8Array, CliFailure>
    /** Undefined when it does not exist, may not be read, is a link, or belongs to neither this user nor root. */
    readonly readFileIfAny: (path: string) => Effect.Effect<string | undefined>
    /**
     * What a file says that decides where a token goes, or is a token. Undefined where there is none; fails (exit code 2) where it is neither this user's nor
     * root's, or others may write it.
     */
    readonly readTrusted: (path: string) => Effect.Effect<string | undefined, CliFailure>
    /** A checkout of source code. */
    readonly checkout: (folder: string) => Effect.Effect<Checkout, CliFailure>
    /** A folder of files, there or not. */
    readonly folder: (path: string) => Folder
    /** A path as it is from anywhere. */
    readonly absolute: (path: string) => string
    readonly uuid: Effect.Effect<string>
    /** Replaces this process by the server, or runs it until it ends. Gives its exit code. */
    readonly runServer: (args: ReadonlyArray<string>, env: Record<string, string>) => Effect.Effect<number, CliFailure>
  }
>()("herald/cli/Shell") {}
