/**
 * What libraries and systems say of a connection, without the frames that they put around it. Pure.
 *
 *   MS3  What is said where something else answers, or by another protocol, has that with it.
 *   MS2  A reason names what happened once: no code before it that is told beside it, no empty note, no stop at its end.
 */

/** What grpc-js puts around the text of a socket. */
const FRAMES: ReadonlyArray<readonly [RegExp, string]> = [
  [/^HRLD-\d{4}:?\s+/, ""],
  [/^(?:\w+: )?No connection established\. Last error: /, ""],
  [/^(?:\w+: )?No addresses resolved\. Resolution note: /, ""],
  [/\.? Resolution note:.*$/s, ""],
  [/^(?:E )?No address added out of total \d+ resolved(?: errors: \[(.*)\])?$/s, "$1"]
]

/** The text as one says it after "…: " and before ".". */
export const plainly = (said: string): string => {
  const text = FRAMES.reduce((left, [frame, instead]) => left.replace(frame, instead), said.trim())
  return text.replace(/[\s.;:]+$/, "")
}

const OTHERS: ReadonlyArray<readonly [said: RegExp, hint: string]> = [
  [/Protocol error|ERR_HTTP2/, "what answers there speaks no gRPC: is it the REST port?"],
  [/wrong.version.number|packet.length.too.long/i, "what answers there speaks no TLS"]
]

/** MS3 */
export const hinted = (text: string): string => {
  const found = OTHERS.find(([said]) => said.test(text))
  return found === undefined ? text : `${text} (${found[1]})`
}

const PORTS: Readonly<Record<string, string>> = {
  EADDRINUSE: "another program has it",
  EACCES: "this user may not open it",
  EADDRNOTAVAIL: "this machine does not have the address",
  ENOTFOUND: "the name is unknown",
  EAI_AGAIN: "the name can't be looked up now"
}

/** Why a port can't be opened; `said`: what the system or a library says. */
export const whyNotOpened = (said: string): string => {
  const code = Object.keys(PORTS).find((one) => said.includes(one))
  return code === undefined ? plainly(said) : `${PORTS[code]} (${code})`
}
