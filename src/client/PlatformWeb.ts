/** What the SDK's topics need of a browser, in the place of Platform.ts: packages/client/package.json says so to bundlers. */
import type { Clock } from "./Clock.ts"
import type * as Node from "./Platform.ts"

export const systemClock: Clock = {
  now: () => performance.now(),
  after: (millis, task) => {
    const timer = setTimeout(task, millis)
    return () => clearTimeout(timer)
  },
  soon: (task) => void setTimeout(task, 0),
  random: Math.random
}

const encoder = new TextEncoder()

export const bytesOf = (text: string): number => encoder.encode(text).length

export const utf8 = (bytes: Uint8Array): string =>
  new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)

/** 12 random hex digits, for names that nobody else has. */
export const unique = (): string =>
  [...crypto.getRandomValues(new Uint8Array(6))].map((byte) => byte.toString(16).padStart(2, "0")).join("")

/** A copy of bytes, or the UTF-8 of a text. */
export const bufferOf: typeof Node.bufferOf = (content) =>
  (typeof content === "string" ? encoder.encode(content) : content.slice()) as ReturnType<typeof Node.bufferOf>

/** Bytes that `String.fromCharCode` takes at once. */
const PIECE = 8_192

export const toBase64 = (bytes: Uint8Array): string => {
  let text = ""
  for (let at = 0; at < bytes.length; at += PIECE) text += String.fromCharCode(...bytes.subarray(at, at + PIECE))
  return btoa(text)
}

export const fromBase64 = (text: string): Uint8Array => Uint8Array.from(atob(text), (char) => char.charCodeAt(0))

export const unzstd: typeof Node.unzstd = undefined

const noFiles = (): never => {
  throw new Error("a browser has no files")
}
export const [grow, readOwn, renameFile, removeFile, writeBeside] = [noFiles, noFiles, noFiles, noFiles, noFiles]
