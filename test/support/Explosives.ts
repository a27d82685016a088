/** Things that foreign code may throw. */

/** What can be thrown and is hard to look at. */
export const explosives: ReadonlyArray<readonly [string, () => unknown]> = [
  ["an error", () => new Error("plain")],
  ["a text", () => "text"],
  ["null", () => null],
  ["undefined", () => undefined],
  ["an object without a prototype", () => Object.create(null)],
  [
    "an error whose message explodes",
    () =>
      Object.defineProperty(new Error("x"), "message", {
        get() {
          throw new Error("inner")
        }
      })
  ],
  [
    "an object that explodes as text",
    () => ({
      toString() {
        throw new Error("inner")
      }
    })
  ],
  [
    "a revoked proxy",
    () => {
      const { proxy, revoke } = Proxy.revocable({}, {})
      revoke()
      return proxy
    }
  ],
  ["an error of 10 MB", () => new Error("x".repeat(10_000_000))]
]
