/** `herald completion <shell>`: a script for the shell, made from the commands themselves. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Completions from "effect/cli/Completions"
import * as Effect from "effect/Effect"
import { globalFlags } from "../../Globals.ts"
import { Shell } from "../../Shell.ts"
import { alive } from "./Scripts.ts"

type Descriptor = Completions.CommandDescriptor
type FlagDescriptor = Descriptor["flags"][number]

const help: FlagDescriptor = {
  name: "help",
  aliases: ["h"],
  description: "Show help information",
  type: { _tag: "Boolean" },
  negation: false
}

/** The library leaves global flags out: each command gets them, and paths complete as paths. */
const complete = (command: Descriptor, globals: ReadonlyArray<FlagDescriptor>): Descriptor => ({
  ...command,
  flags: [...command.flags, ...globals],
  arguments: command.arguments.map((argument) =>
    argument.name === "file" ? { ...argument, type: { _tag: "Path", pathType: "file" } } : argument
  ),
  subcommands: command.subcommands.map((one) => complete(one, globals))
})

const globals = (): ReadonlyArray<FlagDescriptor> => {
  const { flags } = Completions.fromCommand(
    Command.make("globals", Object.fromEntries(globalFlags.map(({ id, flag }) => [id, flag])))
  )
  const typed = flags.map(
    (flag): FlagDescriptor => (flag.name === "data" ? { ...flag, type: { _tag: "Path", pathType: "directory" } } : flag)
  )
  return [...typed, help]
}

/** The script. The one that the library makes begins by naming an option that this command line does not have. */
const script = (root: Command.Command.Any, shell: Completions.Shell): string =>
  Completions.generate("herald", shell, complete(Completions.fromCommand(root), globals())).replaceAll(
    "herald --completions",
    "herald completion"
  )

export const completion = (root: () => Command.Command.Any) =>
  Command.make(
    "completion",
    {
      shell: Argument.Literals("shell", ["bash", "zsh", "fish"]).pipe(Argument.withDescription("Your shell"))
    },
    Effect.fn("Completion.run")(function* ({ shell }) {
      const out = yield* Shell
      yield* out.out(alive(script(root(), shell), shell))
    })
  ).pipe(
    Command.withDescription("Print a completion script for bash, zsh or fish"),
    Command.withExamples([
      { command: "source <(herald completion bash)", description: "bash, this session" },
      { command: "herald completion zsh > ~/.zfunc/_herald", description: "zsh; ~/.zfunc must be in fpath" },
      { command: "herald completion fish > ~/.config/fish/completions/herald.fish", description: "fish" }
    ])
  )
