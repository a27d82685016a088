/** What the SDK needs of a browser, in the place of Platform.ts: packages/client/package.json says so to bundlers. */
import type { Clock } from "./Clock.ts"
import type * as Node from "./Platform.ts"
import { Sha256 } from "./Sha256.ts"
import * as Files from "./WebFiles.ts"

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

export const sha256: typeof Node.sha256 = (content) =>
  new Sha256().add(typeof content === "string" ? encoder.encode(content) : content).hex()

export class Digest {
  readonly #hash = new Sha256()

  add(text: string): void {
    this.#hash.add(encoder.encode(text))
  }

  hex(): string {
    return this.#hash.hex()
  }
}

export const hexBytes = ((hex: string): Uint8Array =>
  Uint8Array.from({ length: hex.length / 2 }, (_, i) =>
    Number.parseInt(hex.slice(i * 2, i * 2 + 2), 16)
  )) as typeof Node.hexBytes

export const bytesOf = (text: string): number => encoder.encode(text).length

/** Lets the page do other work. */
export const breathe: typeof Node.breathe = () => new Promise((resolve) => setTimeout(resolve, 0))

export const utf8 = (bytes: Uint8Array): string =>
  new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)

/** 12 random hex digits, for names that nobody else has. */
export const unique = (): string =>
  [...crypto.getRandomValues(new Uint8Array(6))].map((byte) => byte.toString(16).padStart(2, "0")).join("")

/** Unique to this page; readable in `herald clients`. */
export const instanceName: typeof Node.instanceName = () => {
  const { location } = globalThis as unknown as { readonly location?: { readonly hostname: string } }
  return `${location?.hostname ?? ""}-page-${unique()}`.replace(/^-/, "").slice(-128)
}

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

interface Network {
  readonly addEventListener?: (name: string, task: () => unknown) => void
  readonly removeEventListener?: (name: string, task: () => unknown) => void
}

export const onNetwork: typeof Node.onNetwork = ({ lost, back }) => {
  const network = globalThis as unknown as Network
  network.addEventListener?.("offline", lost)
  network.addEventListener?.("online", back)
  return () => {
    network.removeEventListener?.("offline", lost)
    network.removeEventListener?.("online", back)
  }
}

export const { joinPath, leftOver, listFiles, markOf, readOwn, removeFile, renameFile } = Files
export const writeBeside: typeof Node.writeBeside = (path, pieces) => Files.writeBeside(path, pieces, unique)

const noFiles = (): never => {
  throw new Error("a browser has no files")
}
export const readText: typeof Node.readText = noFiles
export const grow: typeof Node.grow = noFiles
