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
  },
  EventsGone: {
    code: "HRLD-5106",
    title: "Events that a reader was to get are gone",
    cause:
      "They were kept no longer, can't be read any more, or the reader was too slow, and it did not say what is to be done then.",
    fix: "Give onGap to go on behind them, or begin anew where the application can do without them.",
    grpc: 11,
    http: 410,
    exit: 5
  },
  ProducerFull: {
    code: "HRLD-5107",
    title: "Too many events wait to be published",
    cause: "The server takes them more slowly than they come, or can't be reached.",
    fix: "Wait for room() of the producer before each send.",
    grpc: 8,
    http: 429,
    exit: 7
  },
  SpoolUnusable: {
    code: "HRLD-5108",
    title: "A producer's file can't be used",
    cause:
      "It can't be read or written, belongs to somebody else or to another producer, or does not fit what the server has.",
    fix: "Give each producer a file of its own in a folder that nobody else writes to. Where the file was lost or restored, find out what is in the topic, then remove it.",
    grpc: 9,
    http: 500,
    exit: 1
  },
  Outrun: {
    code: "HRLD-5109",
    title: "A batch before this one failed",
    cause: "The application numbers its events itself, so what is behind one that failed can't be published.",
    fix: "Send again from the one that failed.",
    grpc: 10,
    http: 409,
    exit: 5
  },
  NotesUnclear: {
    code: "HRLD-5110",
    title: "It is not known which subscription the notes of effects are of",
    cause:
      "withTransaction keeps its notes by the subscription's id. The server did not say that, or there are notes of an older SDK, by names alone: they may be of this subscription, or of one of the same name that was deleted.",
    fix: "Update the server; or give the notes the id or delete them, as the error says.",
    grpc: 9,
    http: 409,
    exit: 5
  }
}
