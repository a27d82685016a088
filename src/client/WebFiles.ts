/**
 * Files as the SDK has them (Platform.ts), in a browser's IndexedDB: a database a folder, so that last known good is kept in a page by the same rules as on
 * a disk. https://w3c.github.io/IndexedDB/
 *
 *   WX1  A file is written whole or not at all, also by a page that is closed meanwhile; several pages of an origin never see half of one.
 *   WX2  A folder has at most `FILES` files and `BYTES` of text: what was written last stays.
 *   WX3  A store that is not there, is broken, or does not answer within `PATIENCE`, is an error of that one question, and of nothing else.
 *   WX4  Which of two files is the newer one is told by a count of what the folder was given, and by no clock.
 */
import type { FileMark } from "./Platform.ts"

/** WX2 */
const [FILES, BYTES] = [32, 67_108_864] as const
/** Of `writtenAt`. A page writes at most ten times a second, and a file within two questions. */
export const leftOver = 256
/** Milliseconds. WX3 */
const PATIENCE = 5_000
const LAYOUT = 1
const [MARKS, TEXTS] = ["marks", "texts"] as const

// biome-ignore lint/suspicious/noExplicitAny: the types of browsers are not among those of Node
type Any = any

const factory = (): Any => {
  const found = (globalThis as Any).indexedDB
  if (found === undefined || found === null) throw new Error("there is no IndexedDB here")
  return found
}

/** WX3 */
const within = <A>(what: string, work: (resolve: (value: A) => void, reject: (why: unknown) => void) => void) =>
  new Promise<A>((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`IndexedDB did not ${what} within ${PATIENCE} ms`)), PATIENCE)
    const done =
      <B>(settle: (value: B) => void) =>
      (value: B) => {
        clearTimeout(late)
        settle(value)
      }
    try {
      work(done(resolve), done(reject))
    } catch (error) {
      done(reject)(error)
    }
  })

const open = new Map<string, Promise<Any>>()

const opened = (folder: string): Promise<Any> => {
  const before = open.get(folder)
  if (before !== undefined) return before
  let isLate = false
  const forget = () => void open.delete(folder)
  const opening = within<Any>("open", (resolve, reject) => {
    const asked = factory().open(`herald:${folder}`, LAYOUT)
    asked.onupgradeneeded = () => {
      for (const name of [MARKS, TEXTS])
        if (!asked.result.objectStoreNames.contains(name)) asked.result.createObjectStore(name)
    }
    asked.onerror = () => reject(asked.error)
    asked.onsuccess = () => {
      const its = asked.result
      if (isLate) return its.close()
      its.onclose = forget
      // Another page wants a newer layout, or the folder gone.
      its.onversionchange = () => {
        its.close()
        forget()
      }
      resolve(its)
    }
  })
  open.set(folder, opening)
  opening.catch(() => {
    isLate = true
    forget()
  })
  return opening
}

const parts = (path: string): readonly [folder: string, name: string] => {
  const at = path.lastIndexOf("/")
  return [path.slice(0, Math.max(0, at)), path.slice(at + 1)]
}

/** One transaction. `work` gives what is answered once it is done. */
const transaction = async <A>(folder: string, mode: "readonly" | "readwrite", work: (stores: Stores) => () => A) => {
  const its = await opened(folder)
  return within<A>("answer", (resolve, reject) => {
    const one = its.transaction([MARKS, TEXTS], mode, mode === "readwrite" ? { durability: "strict" } : {})
    let answer: (() => A) | undefined
    one.oncomplete = () => {
      try {
        resolve(answer!())
      } catch (error) {
        reject(error)
      }
    }
    one.onabort = () => reject(one.error ?? new Error("IndexedDB gave up")) // such as for want of room: of an error it says no more until then
    answer = work({ marks: one.objectStore(MARKS), texts: one.objectStore(TEXTS) })
  })
}

interface Stores {
  readonly marks: Any
  readonly texts: Any
}

const asking = (asked: Any, then: (result: Any) => void): void => {
  asked.onsuccess = () => then(asked.result)
}

export const joinPath = (...names: ReadonlyArray<string>): string => names.join("/")

export const listFiles = (folder: string): Promise<Array<string>> =>
  transaction(folder, "readonly", ({ marks }) => {
    const asked = marks.getAllKeys()
    return () => asked.result.map(String)
  })

export const markOf = (path: string): Promise<FileMark | undefined> => {
  const [folder, name] = parts(path)
  return transaction(folder, "readonly", ({ marks }) => {
    const asked = marks.get(name)
    return () => asked.result
  })
}

export const readOwn = (path: string, most?: number): Promise<string | undefined> => {
  const [folder, name] = parts(path)
  return transaction(folder, "readonly", ({ texts }) => {
    const asked = texts.get(name)
    return () => {
      if (asked.result === undefined) return undefined
      if (typeof asked.result !== "string") throw new Error("it is no text")
      return asked.result.slice(0, most)
    }
  })
}

/** WX2, WX4: it is the newest; the oldest go. */
const put = ({ marks, texts }: Stores, file: string, text: string, identity: string): void =>
  asking(marks.getAllKeys(), (names) =>
    asking(marks.getAll(), (all: ReadonlyArray<FileMark>) => {
      const files = all.map((mark, i) => ({ ...mark, name: String(names[i]) }))
      const writtenAt = 1 + Math.max(0, ...files.map((one) => one.writtenAt))
      marks.put({ size: text.length, writtenAt, identity } satisfies FileMark, file)
      texts.put(text, file)
      let [count, bytes] = [files.length + 1, files.reduce((sum, { size }) => sum + size, text.length)]
      for (const { name, size } of files.toSorted((a, b) => a.writtenAt - b.writtenAt)) {
        if (count <= FILES && bytes <= BYTES) break
        marks.delete(name)
        texts.delete(name)
        count--
        bytes -= size
      }
    })
  )

/** `unique`: 12 digits that nobody else has. Throws for what has more than the folder may. */
export const writeBeside = async (
  path: string,
  pieces: AsyncIterable<string>,
  unique: () => string
): Promise<string> => {
  const [folder] = parts(path)
  const temporary = `${path}.${unique()}.tmp`
  const [, name] = parts(temporary)
  let text = ""
  for await (const piece of pieces) {
    text += piece
    if (text.length > BYTES / 2) throw new Error(`it has more than ${BYTES / 2} characters`)
  }
  await transaction(folder, "readwrite", (stores) => {
    put(stores, name, text, unique())
    return () => undefined
  })
  return temporary
}

/** WX1. Rejects when there is no such file. */
export const renameFile = (from: string, to: string): Promise<void> => {
  const [folder, name] = parts(from)
  const [, other] = parts(to)
  return transaction(folder, "readwrite", (stores) => {
    let found = true
    for (const store of [stores.marks, stores.texts])
      asking(store.get(name), (value) => {
        found &&= value !== undefined
        if (value === undefined) return
        store.put(value, other)
        store.delete(name)
      })
    return () => {
      if (!found) throw new Error(`${name} is gone`)
    }
  })
}

export const removeFile = (path: string): Promise<void> => {
  const [folder, name] = parts(path)
  return transaction(folder, "readwrite", ({ marks, texts }) => {
    marks.delete(name)
    texts.delete(name)
    return () => undefined
  })
}
