/**
 * Every error Herald shows to a user: one row, one stable code.
 *
 *   E1  A code is never reused and never changes its meaning.
 *   E2  gRPC status, HTTP status and CLI exit code come from this table and nowhere else.
 *
 * CLI exit codes: 1 unexpected · 2 usage · 3 refused by a rule · 4 not found · 5 conflict · 6 not allowed · 7 unavailable, try again.
 */
export interface ErrorRow {
  /** `HRLD-nnnn`. 1xxx bad input, 2xxx state, 3xxx access, 4xxx dependencies, 5xxx sessions, 9xxx defects. */
  readonly code: string
  readonly title: string
  readonly cause: string
  readonly fix: string
  /** https://grpc.io/docs/guides/status-codes/ */
  readonly grpc: number
  readonly http: number
  readonly exit: number
}

const row = (
  code: string,
  title: string,
  cause: string,
  fix: string,
  grpc: number,
  http: number,
  exit: number
): ErrorRow => ({
  code: `HRLD-${code}`,
  title,
  cause,
  fix,
  grpc,
  http,
  exit
})

export const catalogue = {
  InvalidInput: row(
    "1001",
    "The request is malformed",
    "A field is missing, has the wrong type or breaks a limit.",
    "Correct the field that the message names.",
    3,
    400,
    2
  ),
  InvalidKey: row(
    "1002",
    "The key or pattern is not valid",
    "Keys are 1 to 256 letters, digits and . _ - / : characters; a pattern is a key or ends in `.*`.",
    "Rename the key.",
    3,
    400,
    2
  ),
  InvalidValue: row(
    "1003",
    "The value does not fit its type",
    "The value can't be read as the type it was declared with.",
    "Correct the value or give another --type.",
    3,
    422,
    3
  ),
  SchemaViolation: row(
    "1004",
    "The value breaks the key's JSON Schema",
    "The key has a JSON Schema and the value does not satisfy it.",
    "Correct the value at the path that the message names, or publish a new schema with it.",
    3,
    422,
    3
  ),
  InvalidSchema: row(
    "1005",
    "The JSON Schema can't be used",
    "It is not a valid 2020-12 schema, has a remote $ref, or takes too long to evaluate.",
    "Make the schema self-contained and its patterns simple.",
    3,
    422,
    3
  ),
  TemplateError: row(
    "1006",
    "The template can't be rendered",
    "A {{variable}} is missing in the environment's variables or in a connected client's metadata.",
    "Define it in the key `herald.variables` of the environment, or add the label to the clients that the message names.",
    3,
    422,
    3
  ),
  TooLarge: row(
    "1007",
    "The value is too large",
    "A value may have at most 1 MiB, a release at most 4 MiB and 500 changes.",
    "Split the value, or keep large content elsewhere and refer to it.",
    3,
    413,
    3
  ),
  NotFound: row(
    "2001",
    "No such thing",
    "The key, version, client or API key does not exist in this environment.",
    "List what exists: `herald list --env …`.",
    5,
    404,
    4
  ),
  VersionConflict: row(
    "2002",
    "Someone else changed it first",
    "The current version is not the one that you expected.",
    "Read the current version, merge, and publish again with its number.",
    9,
    412,
    5
  ),
  IdempotencyConflict: row(
    "2003",
    "The idempotency key was used for another request",
    "The same Idempotency-Key came with a different body.",
    "Use a new key for a new request.",
    6,
    409,
    5
  ),
  StaleRead: row(
    "2004",
    "The key refuses a stale read",
    "The key is marked strict and the server can't confirm with its database that it holds the newest version.",
    "Try again when the database is back (`/readyz`).",
    14,
    503,
    7
  ),
  NothingChanged: row(
    "2005",
    "Nothing would change",
    "The release has no change.",
    "Add at least one change.",
    3,
    400,
    2
  ),
  PrincipalExists: row(
    "2006",
    "A principal of that name exists",
    "Who acts is known by the name of its API keys, and one with this name, or with one that differs only in case, has a good key.",
    "Give another name; or, for a further key of the same principal, its exact name with `--add` (`add`), or `herald key rotate`.",
    6,
    409,
    5
  ),
  Unauthenticated: row(
    "3001",
    "Who are you?",
    "No token came with the request, or it is unknown, expired or revoked.",
    "Send `Authorization: Bearer <token>`; on the server's machine the CLI reads `.herald/admin-token` by itself.",
    16,
    401,
    6
  ),
  Forbidden: row(
    "3002",
    "Not allowed",
    "Your API key's role or environments do not permit this.",
    "Ask an admin for a key with the role and environment that the message names.",
    7,
    403,
    6
  ),
  RateLimited: row(
    "3003",
    "Too many requests",
    "This identity used up its rate.",
    "Wait for the time in Retry-After; batch changes in one release.",
    8,
    429,
    7
  ),
  TooManySubscriptions: row(
    "3004",
    "Too many subscriptions",
    "This principal (the name of its API keys), or this environment, has all the streams of the server that it may have; the rest is kept for others.",
    "Close unused streams, add a node, or raise the setting that the message names.",
    8,
    429,
    7
  ),
  Busy: row(
    "3008",
    "Too much heavy work at once",
    "Large values, schemas or comparisons are worked on by a few threads in turn, and the queue of this principal, or of all, is full.",
    "Wait for the time in Retry-After, and send them one after the other.",
    8,
    429,
    7
  ),
  DatabaseUnavailable: row(
    "4001",
    "The database does not answer",
    "PostgreSQL is down, restarting or out of connections.",
    "Try again with the same Idempotency-Key: nothing is written twice.",
    14,
    503,
    7
  ),
  DatabaseReadOnly: row(
    "4002",
    "The database can't be written",
    "PostgreSQL is read-only or its disk is full.",
    "Free disk space or promote a primary; reads and streams go on meanwhile.",
    14,
    503,
    7
  ),
  DatabaseNewer: row(
    "4003",
    "The database is newer than this server",
    "It was migrated by a later version of Herald.",
    "Start that version; migrations only go forward.",
    9,
    503,
    7
  ),
  EventLogUnavailable: row(
    "4010",
    "The event log does not take events",
    "Kafka is down, hung or refuses this server, or another node has taken the relay over.",
    "Nothing is lost: configuration events wait in the database. Check KAFKA_BROKERS, the brokers and the topic.",
    14,
    503,
    7
  ),
  EmbeddedUnusable: row(
    "4011",
    "The embedded PostgreSQL can't run",
    "Its files are not there or not whole, it can't keep its data in the data folder, or it ends as soon as it starts.",
    "Do what the message says, or set DATABASE_URL to a PostgreSQL of your own.",
    9,
    500,
    2
  ),
  Timeout: row(
    "4004",
    "It took too long",
    "The operation exceeded its time limit.",
    "Try again with the same Idempotency-Key.",
    4,
    504,
    7
  ),
  SettingsInvalid: row(
    "4005",
    "A setting is wrong",
    "The settings file or an environment variable has an unknown name or a bad value.",
    "Correct the setting that the message names.",
    9,
    500,
    2
  ),
  OutcomeUnknown: row(
    "4006",
    "It is not known whether this was committed",
    "The connection to PostgreSQL was lost at the moment of the commit, and it did not answer again in time. What is not committed by now never will be.",
    "Try again with the same Idempotency-Key, which writes nothing twice. Without one, read the key once it is no longer stale, then decide.",
    4,
    504,
    7
  ),
  Draining: row(
    "5001",
    "The server is leaving",
    "It was told to stop.",
    "Reconnect after the delay in the drain message.",
    14,
    503,
    7
  ),
  SessionReplaced: row(
    "5002",
    "Another connection took over",
    "The same instance_id subscribed again.",
    "Give each process its own instance_id; otherwise nothing to do.",
    10,
    409,
    5
  ),
  SessionTimedOut: row(
    "5003",
    "The client went silent",
    "No ack or heartbeat came within the time-out (90 s by default).",
    "Reconnect; send a heartbeat every 30 s.",
    4,
    408,
    7
  ),
  SessionCrashed: row(
    "5004",
    "The session failed",
    "A defect ended this session; others are not affected.",
    "Reconnect, and report the server's log line.",
    13,
    500,
    7
  ),
  KeyRevoked: row(
    "5005",
    "The API key was revoked or expired",
    "The key that opened this stream is no longer valid.",
    "Get a new key.",
    16,
    401,
    6
  ),
  ServerFull: row(
    "5006",
    "The server takes no new clients",
    "It is out of streams, file descriptors or memory.",
    "Reconnect with backoff; add a node.",
    8,
    503,
    7
  ),
  ClientUnresponsive: row(
    "5007",
    "The client does not read",
    "Its transport took nothing for the time-out.",
    "Reconnect.",
    4,
    408,
    7
  ),
  NodeLost: row(
    "5008",
    "The client's node died",
    "The node that had this client gave no sign of life for the heartbeat's time-out, and the client has not come back elsewhere.",
    "Look for the node; a client that lives connects to another node by itself.",
    14,
    503,
    7
  ),
  InstanceOwned: row(
    "5009",
    "The instance belongs to another principal",
    "A session of another principal (the name of an API key) has this instance, so nobody else may connect as it or speak for it.",
    "Give each instance a name of its own, or use a key of the principal that `herald clients` shows; it is free once that one leaves.",
    9,
    409,
    5
  ),
  InstanceNotConnected: row(
    "5010",
    "The instance is not connected",
    "Health is reported for instances that are connected, and no session has this one.",
    "Subscribe first, with the same service_name, instance_id and environment.",
    9,
    409,
    5
  ),
  NotConnected: row(
    "5101",
    "The client has no server and nothing to serve",
    "The server can't be reached, did not answer in time or refused, and no local value is there.",
    "Check address, port and token; give lastKnownGood, bootstrap or defaults to start without a server.",
    14,
    503,
    7
  ),
  ClientClosed: row(
    "5102",
    "The client is closed",
    "It was used after close().",
    "Call HeraldClient.connect again.",
    9,
    409,
    5
  ),
  LastKnownGoodCorrupt: row(
    "5103",
    "A last-known-good file is not intact",
    "It was changed or cut short, is a link or another user's, or was written for other labels, patterns, service or environment.",
    "Nothing: it is ignored, and another is written at the next update. If it comes again, check the disk and who may write there.",
    15,
    500,
    1
  ),
  LastKnownGoodUnwritable: row(
    "5104",
    "A last-known-good file can't be written",
    "The disk is full or the directory is not writable.",
    "Free space or give another directory; updates go on meanwhile.",
    9,
    500,
    1
  ),
  ListenerFailed: row(
    "5105",
    "A listener of the application failed",
    "onEvent, or another function that the application gave to the SDK, threw or rejected.",
    "Correct the listener; the client goes on without its answer.",
    13,
    500,
    1
  ),
  Internal: row(
    "9001",
    "A defect in Herald",
    "Something happened that should be impossible.",
    "Report it with the trace id.",
    13,
    500,
    1
  )
} as const satisfies Record<string, ErrorRow>

export type ErrorName = keyof typeof catalogue

export const byCode = (code: string): (ErrorRow & { readonly name: ErrorName }) | undefined => {
  const found = Object.entries(catalogue).find(([, r]) => r.code.toLowerCase() === code.toLowerCase())
  return found === undefined ? undefined : { ...found[1], name: found[0] as ErrorName }
}
