/** `herald start`: the server, in the foreground, in the place of this process. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { CliFailure } from "../CliFailure.ts"
import { data, optionalInt, optionalText } from "../Globals.ts"
import { Shell } from "../Shell.ts"

export const start = Command.make(
  "start",
  {
    httpPort: optionalInt("http-port", "Port of REST; HTTP_PORT, otherwise 8080", "port"),
    grpcPort: optionalInt("grpc-port", "Port of gRPC; GRPC_PORT, otherwise 50051", "port"),
    database: optionalText("database", "A PostgreSQL of your own; DATABASE_URL, otherwise an embedded one", "url"),
    rest: Argument.String("server-flags").pipe(
      Argument.withDescription("Passed on to the server, after --"),
      Argument.variadic()
    )
  },
  Effect.fn("Start.run")(function* ({ httpPort, grpcPort, database, rest }) {
    const shell = yield* Shell
    const folder = yield* data
    const env: Record<string, string> = {
      ...(httpPort === undefined ? {} : { HTTP_PORT: String(httpPort) }),
      ...(grpcPort === undefined ? {} : { GRPC_PORT: String(grpcPort) }),
      ...(database === undefined ? {} : { DATABASE_URL: database })
    }
    const code = yield* shell.runServer([...(folder === undefined ? [] : ["--data", folder]), ...rest], env)
    if (code !== 0) {
      return yield* new CliFailure({
        code: "",
        title: `The server ended with exit code ${code}`,
        what: "",
        why: "Its own last lines say why.",
        fix: "",
        exit: code,
        trace: "",
        retryable: false,
        retryAfter: 0
      })
    }
  })
).pipe(
  Command.withDescription("Run the server in the foreground; Ctrl-C stops it and everything it started"),
  Command.withShortDescription("Run the server"),
  Command.withExamples([
    { command: "herald start", description: "On 127.0.0.1:8080 and :50051, data in .herald/" },
    { command: "herald start --data /var/lib/herald --http-port 9000", description: "Other folder, other port" }
  ])
)
