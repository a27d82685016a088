/**
 * Who evaluates flags: the door that it comes through, and the program that asks. Pure state: a few of them are known, and shared.
 *
 *   UC1  Programs are told apart by the first word of their `user-agent`, without its version, and are `PROGRAMS` at most; what comes later is
 *        "other".
 *   UC2  Herald's own command line is nobody who uses a flag: what people look at and export is not counted.
 */

/** Ways to an evaluation. The last is what applications evaluate themselves and report. */
export const DOORS = ["ofrep", "ofrep-bulk", "flagd-rpc", "flagd-rpc-all", "flagd-sync", "report"] as const
export type Door = (typeof DOORS)[number]
/** Doors that give all flags of an environment at once: nobody knows which of them are used. */
export const GIVES_ALL: ReadonlySet<Door> = new Set(["ofrep-bulk", "flagd-rpc-all", "flagd-sync"])

/** One and the same for all that ask alike, so that it is compared as it is. */
export interface Caller {
  readonly door: Door
  /** Such as `grpc-go`; of a report, what it says of itself. */
  readonly sdk: string
}

/** UC1 */
export const PROGRAMS = 200
const OTHER = "other"
/** UC2. As it names itself. */
export const COMMAND_LINE = "herald-cli"
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,31}/

/** Programs that flags' providers ask with: made-up names can't take their places. */
const PROVIDERS = [
  "grpc-go",
  "grpc-python",
  "grpc-node-js",
  "grpc-java",
  "grpc-java-netty",
  "connect-go",
  "connect-es",
  "herald-js"
]

/** With a memory of its own. */
export const makeCallerOf = () => {
  const known = new Map<string, ReadonlyMap<Door, Caller>>()
  const callers = (sdk: string): ReadonlyMap<Door, Caller> => {
    const made = new Map(DOORS.map((door) => [door, Object.freeze({ door, sdk })]))
    known.set(sdk, made)
    return made
  }
  const others = callers(OTHER)
  for (const sdk of PROVIDERS) callers(sdk)
  return (door: Door, agent: string | undefined): Caller => {
    const sdk = NAME.exec(agent ?? "")?.[0] ?? OTHER
    return (known.get(sdk) ?? (known.size < PROGRAMS ? callers(sdk) : others)).get(door)!
  }
}

/** `agent`: the header `user-agent`. */
export const callerOf = makeCallerOf()
