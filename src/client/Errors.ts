/** Errors of the SDK. It shares no code with the server, so it uses none of its types either; the catalogue checks the rows. */
export const errors = {
  NotConnected: {
    code: "HRLD-5101",
    title: "The client has no server and nothing to serve",
    cause: "The server can't be reached, did not answer in time or refused, and no local value is there.",
    fix: "Check address, port and token; give lastKnownGood, bootstrap or defaults to start without a server.",
    grpc: 14,
    http: 503,
    exit: 7
  },
  ClientClosed: {
    code: "HRLD-5102",
    title: "The client is closed",
    cause: "It was used after close().",
    fix: "Call HeraldClient.connect again.",
    grpc: 9,
    http: 409,
    exit: 5
  },
  LastKnownGoodCorrupt: {
    code: "HRLD-5103",
    title: "A last-known-good file is not intact",
    cause:
      "It was changed or cut short, is a link or another user's, or was written for other labels, patterns, service or environment.",
    fix: "Nothing: it is ignored, and another is written at the next update. If it comes again, check the disk and who may write there.",
    grpc: 15,
    http: 500,
    exit: 1
  },
  LastKnownGoodUnwritable: {
    code: "HRLD-5104",
    title: "A last-known-good file can't be written",
    cause: "The disk is full or the directory is not writable.",
    fix: "Free space or give another directory; updates go on meanwhile.",
    grpc: 9,
    http: 500,
    exit: 1
  },
  ListenerFailed: {
    code: "HRLD-5105",
    title: "A listener of the application failed",
    cause: "onEvent, or another function that the application gave to the SDK, threw or rejected.",
    fix: "Correct the listener; the client goes on without its answer.",
    grpc: 13,
    http: 500,
    exit: 1
  }
}
