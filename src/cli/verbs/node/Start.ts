/** `herald start`: the server, in the foreground, in the place of this process. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { data, optionalInt, optionalText } from "../../Globals.ts"
import { inItsPlace } from "./InItsPlace.ts"

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
    const folder = yield* data
    const env: Record<string, string> = {
      ...(httpPort === undefined ? {} : { HTTP_PORT: String(httpPort) }),
      ...(grpcPort === undefined ? {} : { GRPC_PORT: String(grpcPort) }),
      ...(database === undefined ? {} : { DATABASE_URL: database })
    }
    yield* inItsPlace([...(folder === undefined ? [] : ["--data", folder]), ...rest], env)
  })
).pipe(
  Command.withDescription("Run the server in the foreground; Ctrl-C stops it and everything it started"),
  Command.withShortDescription("Run the server"),
  Command.withExamples([
    { command: "herald start", description: "On 127.0.0.1:8080 and :50051, data in .herald/" },
    { command: "herald start --data /var/lib/herald --http-port 9000", description: "Other folder, other port" }
  ])
)
