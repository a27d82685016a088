/** A page that follows changes by the browser's own EventSource, and tells its origin of each. See BrowserFaults.test.ts. */
const say = (value: object) => fetch("/said", { method: "POST", body: JSON.stringify(value) })

// biome-ignore lint/suspicious/noExplicitAny: the types of browsers are not among those of Node
const page = globalThis as any
page.document.cookie = `herald-token=${await (await fetch("/token")).text()}`
const source = new page.EventSource("/v1/events?environment=production&pattern=page")
/** One after another: what is told is in the order in which it came. */
let before: Promise<unknown> = Promise.resolve()
const tell = (value: object) => {
  before = before.then(() => say(value))
}
source.onopen = () => tell({ opened: true })
source.onerror = () => tell({ closed: source.readyState === 2 })
source.addEventListener("change", ({ data, lastEventId }: { readonly data: string; readonly lastEventId: string }) =>
  tell({ value: JSON.parse(data).value, id: lastEventId })
)
source.addEventListener("reset", () => tell({ reset: true }))
