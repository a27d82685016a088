/**
 * What the SDK throws. The codes are rows of the server's catalogue (`herald explain HRLD-nnnn`); each message says what
 * happened, why, and what to do.
 */
import { errors } from "./Errors.ts"

export class HeraldClientError extends Error {
  override readonly name: string = "HeraldClientError"
  readonly code: string
  constructor(code: string, message: string, options?: { readonly cause?: unknown }) {
    super(`${code}: ${message}`, options)
    this.code = code
  }
}

/** An option of `connect` or an argument is wrong. */
export class OptionError extends HeraldClientError {
  override readonly name = "OptionError"
  constructor(message: string, options?: { readonly cause?: unknown }) {
    super("HRLD-1001", message, options)
  }
}

/** No source has the key. */
export class MissingKeyError extends HeraldClientError {
  override readonly name = "MissingKeyError"
  constructor(key: string, environment: string) {
    super(
      "HRLD-2001",
      `"${key}" has no value in ${environment}: not on the server, on disk, in the bootstrap or the defaults. ` +
        "Publish it, give a default, or check that `keys` covers it."
    )
  }
}

/** A strict key can't be confirmed as the newest. */
export class StaleError extends HeraldClientError {
  override readonly name = "StaleError"
  constructor(key: string, why: string) {
    super(
      "HRLD-2004",
      `"${key}" is strict and ${why}. Try again when the client is live (client.state, onStateChange).`
    )
  }
}

/** The value does not fit its format or the schema given to `get` or `watch`. */
export class ValueError extends HeraldClientError {
  override readonly name = "ValueError"
  constructor(message: string, options?: { readonly cause?: unknown }) {
    super("HRLD-1003", message, options)
  }
}

/** `connect` gave up: the server can't be reached or refuses us, and no local value can serve. */
export class ConnectError extends HeraldClientError {
  override readonly name = "ConnectError"
  /** The gRPC status of the last attempt, if there was one. */
  readonly status: number | undefined
  constructor(code: string, message: string, status?: number) {
    super(code, message)
    this.status = status
  }
}

/** The client was closed. */
export class ClosedError extends HeraldClientError {
  override readonly name = "ClosedError"
  constructor() {
    super(errors.ClientClosed.code, "this client is closed. Call HeraldClient.connect again.")
  }
}

/** The server did not take a report. */
export class ReportError extends HeraldClientError {
  override readonly name = "ReportError"
  /** The gRPC status, if a server answered. */
  readonly status: number | undefined
  constructor(code: string, message: string, status?: number) {
    super(code, message)
    this.status = status
  }
}

/** Something that was asked of a topic failed. */
export class TopicError extends HeraldClientError {
  override readonly name: string = "TopicError"
  /** The gRPC status, if a server answered. */
  readonly status: number | undefined
  constructor(code: string, message: string, options: { readonly status?: number; readonly cause?: unknown } = {}) {
    super(code, message, options)
    this.status = options.status
  }
}

/** Events were not published, or it is not known whether they were. */
export class PublishError extends TopicError {
  override readonly name = "PublishError"
  /** "failed": they are not in the topic and never will be. "unknown": they may be. */
  readonly outcome: "failed" | "unknown"
  constructor(code: string, message: string, outcome: "failed" | "unknown", status?: number) {
    super(code, message, status === undefined ? {} : { status })
    this.outcome = outcome
  }
}

const longest = 4_096

/** What someone threw, as text; whatever it is, this does not throw. */
export const messageOf = (error: unknown): string => {
  try {
    const text = error instanceof Error ? error.message || error.name : String(error)
    return String(text).slice(0, longest).toWellFormed()
  } catch {
    return "something was thrown that can't be shown"
  }
}
