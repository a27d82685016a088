/** Values shipped with the application. A bootstrap that can't be read is a mistake of the build, so it throws. */
import { messageOf, OptionError } from "./ClientError.ts"
import type { ConnectOptions } from "./Options.ts"
import { readText } from "./Platform.ts"

export const readBootstrap = async (bootstrap: ConnectOptions["bootstrap"]): Promise<ReadonlyMap<string, unknown>> => {
  if (bootstrap === undefined) return new Map()
  if ("values" in bootstrap) return new Map(Object.entries(bootstrap.values))
  const wrong = (why: string) =>
    new OptionError(`the bootstrap file ${bootstrap.file} ${why}. It must be a JSON object of key to value.`)
  let read: unknown
  try {
    const text = await readText(bootstrap.file)
    if (text === undefined) throw wrong("does not exist")
    read = JSON.parse(text)
  } catch (error) {
    if (error instanceof OptionError) throw error
    throw wrong(`can't be read: ${messageOf(error)}`)
  }
  if (typeof read !== "object" || read === null || Array.isArray(read)) throw wrong("is not an object")
  return new Map(Object.entries(read))
}
