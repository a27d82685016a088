/** `herald completion <shell>`: a script for the shell, made from the commands themselves. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Completions from "effect/cli/Completions"
import * as Effect from "effect/Effect"
import { Shell } from "../Shell.ts"

export const completion = (root: () => Command.Command.Any) =>
  Command.make(
    "completion",
    {
      shell: Argument.Literals("shell", ["bash", "zsh", "fish"]).pipe(Argument.withDescription("Your shell"))
    },
    Effect.fn("Completion.run")(function* ({ shell }) {
      const out = yield* Shell
      yield* out.out(Completions.generate("herald", shell, Completions.fromCommand(root())))
    })
  ).pipe(
    Command.withDescription("Print a completion script for bash, zsh or fish"),
    Command.withExamples([
      { command: "source <(herald completion bash)", description: "bash, this session" },
      { command: "herald completion zsh > ~/.zfunc/_herald", description: "zsh; ~/.zfunc must be in fpath" },
      { command: "herald completion fish > ~/.config/fish/completions/herald.fish", description: "fish" }
    ])
  )
