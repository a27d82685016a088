/**
 * What TLS needs beyond an address: an authority of one's own, and a certificate that says who asks.
 *
 *   CT4  Files are read and compared before anything is sent: what is wrong with one is told with its path and what to do.
 */
import * as Effect from "effect/Effect"
import { usage } from "./CliFailure.ts"
import { Shell } from "./Shell.ts"

/** Paths of PEM files. */
export interface TlsFiles {
  readonly ca?: string | undefined
  readonly cert?: string | undefined
  readonly key?: string | undefined
}

/** Their texts, as the SDK's option `tls` has them. Without authorities those of the system count. */
export interface Secured {
  readonly rootCertificates?: string
  readonly certificateChain?: string
  readonly privateKey?: string
}

/** Bytes. */
const LONGEST = 1_048_576
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g
const KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----/
const LOCKED = /BEGIN ENCRYPTED PRIVATE KEY|Proc-Type: 4,ENCRYPTED/

const textOf = Effect.fnUntraced(function* (path: string) {
  const shell = yield* Shell
  const bytes = yield* shell.readFile(path, LONGEST)
  return bytes.length > LONGEST
    ? yield* usage(`${path} has more than ${LONGEST} bytes`, "Give a file in PEM.")
    : new TextDecoder().decode(bytes)
})

const certificatesOf = Effect.fnUntraced(function* (path: string, flag: string) {
  const { X509Certificate } = yield* Effect.promise(() => import("node:crypto"))
  const text = yield* textOf(path)
  return yield* Effect.try({
    try: () => {
      const all = (text.match(CERTIFICATE) ?? []).map((one) => new X509Certificate(one))
      if (all.length === 0) throw new Error()
      return { text, first: all[0]! }
    },
    catch: () =>
      usage(
        `${path} (${flag}) has no certificate in PEM that can be read`,
        "Give a file that has -----BEGIN CERTIFICATE----- in it; of DER: openssl x509 -inform der -in <file> -out cert.pem."
      )
  })
})

/** The certificate with its key, which fits. CT4 */
const pairOf = Effect.fnUntraced(function* (cert: string, key: string | undefined) {
  const { createPrivateKey } = yield* Effect.promise(() => import("node:crypto"))
  const { text, first } = yield* certificatesOf(cert, "--cert")
  if (key === undefined && !KEY.test(text))
    return yield* usage(`${cert} (--cert) has no key with it`, "Give its key with --cert-key or HERALD_CERT_KEY.")
  const path = key ?? cert
  const secret = key === undefined ? KEY.exec(text)![0] : yield* textOf(key)
  if (LOCKED.test(secret))
    return yield* usage(
      `the key in ${path} has a password`,
      `Keep it without one, readable by you alone: (umask 077; openssl pkey -in ${path} -out plain.key).`
    )
  const own = yield* Effect.try({
    try: () => createPrivateKey(secret),
    catch: () =>
      usage(
        `${path} (--cert-key) has no private key in PEM that can be read`,
        "Give a file that has -----BEGIN PRIVATE KEY----- in it."
      )
  })
  if (!first.checkPrivateKey(own))
    return yield* usage(
      `the key in ${path} is not the one of the first certificate in ${cert}`,
      "Give the key that the certificate was made with, and the certificate itself before those above it."
    )
  if (Date.parse(first.validTo) < (yield* (yield* Shell).now))
    return yield* usage(`the certificate in ${cert} ended on ${first.validTo}`, "Get a new one from its authority.")
  return { certificateChain: (text.match(CERTIFICATE) ?? []).join("\n"), privateKey: secret }
})

/** Undefined where none is named. Fails (exit code 2) for what can't be used. */
export const readTls = Effect.fn("Tls.read")(function* ({ ca, cert, key }: TlsFiles) {
  if (cert === undefined && key !== undefined)
    return yield* usage("there is a key and no certificate", "Give its certificate with --cert or HERALD_CERT.")
  if (ca === undefined && cert === undefined) return undefined
  const made: Secured = {
    ...(ca === undefined ? {} : { rootCertificates: (yield* certificatesOf(ca, "--ca")).text }),
    ...(cert === undefined ? {} : yield* pairOf(cert, key))
  }
  return made
})

interface Asked {
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  readonly signal: AbortSignal
}

/** What is used of a `Response`. */
export type Reply = Pick<Response, "status" | "ok"> & { readonly headers: Pick<Headers, "get"> }

/** What the runtime's `fetch` has no way to do: it trusts these authorities, and shows this certificate. Redirects are errors. */
export const fetchBy = async (
  secured: Secured,
  url: string,
  { method, headers, body, signal }: Asked
): Promise<{ readonly response: Reply; readonly raw: string }> => {
  const { request } = await import("node:https")
  const { rootCertificates: ca, certificateChain: cert, privateKey: key } = secured
  return new Promise((resolve, reject) => {
    const failed = (error: unknown) => reject(signal.aborted ? signal.reason : error)
    const asked = request(
      url,
      { method, headers: { ...headers }, signal, agent: false, ...(ca && { ca }), ...(cert && { cert, key }) },
      (answer) => {
        const chunks: Array<Buffer> = []
        answer.on("error", failed).on("data", (chunk: Buffer) => chunks.push(chunk))
        answer.on("end", () => {
          const status = answer.statusCode ?? 0
          if (status >= 300 && status < 400 && status !== 304) return reject(new Error("unexpected redirect"))
          const get = (name: string) => {
            const found = answer.headers[name.toLowerCase()]
            return found === undefined ? null : String(found)
          }
          const response = { status, ok: status >= 200 && status < 300, headers: { get } }
          resolve({ response, raw: Buffer.concat(chunks).toString() })
        })
      }
    )
    asked.on("error", failed).end(body)
  })
}
