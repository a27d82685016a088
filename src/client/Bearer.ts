/**
 * Gets the token and makes the header of it.
 *
 *   BT1  A token appears in no error, state, event or log, whole or in part; one that a header can't carry is refused without being shown.
 *   BT2  A function that does not answer is not waited for longer than its signal lives.
 */
import { messageOf } from "./ClientError.ts"
import type { Token } from "./Options.ts"

/** What a header can carry without quoting; RFC 6750 allows less. */
const SENDABLE = /^[\x21-\x7e]+$/
const longest = 8_192

/** What is wrong with a token, without the token. BT1. */
export const wrongToken = (token: unknown): string | undefined => {
  if (typeof token !== "string") return `is a ${token === null ? "null" : typeof token}, not a text`
  if (token.length > longest) return `has ${token.length} characters, at most ${longest} are allowed`
  if (SENDABLE.test(token)) return undefined
  if (SENDABLE.test(token.trim()))
    return "has white space before or after it (from a file it comes with a line break). Trim it"
  if (/^Bearer\s/i.test(token)) return 'begins with "Bearer". Give the token alone'
  return "holds a space, a line break or another character that a header can't carry"
}

export class Bearer {
  readonly #token: Token | undefined
  #sent = ""

  constructor(token: Token | undefined) {
    this.#token = token
  }

  /** The header's value; undefined without a token. Throws an error that may be shown. */
  async header(signal: AbortSignal): Promise<string | undefined> {
    const token = await this.#ask(signal)
    if (token === undefined || token === "") return undefined
    const wrong = wrongToken(token)
    if (wrong !== undefined) throw new Error(`the token function's answer ${wrong}`)
    this.#sent = token
    return `Bearer ${token}`
  }

  /** Takes the token out of texts that others made. BT1 */
  without(text: string): string {
    return this.#sent.length < 4 ? text : text.replaceAll(this.#sent, "<token>")
  }

  async #ask(signal: AbortSignal): Promise<string | undefined> {
    if (typeof this.#token !== "function") return this.#token
    const ask = this.#token
    const over = new Promise<never>((_, reject) => {
      const end = () => reject(signal.reason) // BT2
      if (signal.aborted) end()
      else signal.addEventListener("abort", end, { once: true })
    })
    try {
      return await Promise.race([(async () => ask({ signal }))(), over])
    } catch (error) {
      if (error === signal.reason) throw error
      throw new Error(`the token function failed: ${this.without(messageOf(error))}`)
    }
  }
}
