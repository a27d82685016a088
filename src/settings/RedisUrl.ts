/** Reads `REDIS_URL`: one address, or several with commas between for Sentinel and Redis Cluster. */

/** Scheme: https://www.iana.org/assignments/uri-schemes/prov/redis; `rediss` is TLS. User, password, database and TLS count from the first. */
export interface Addresses {
  readonly nodes: ReadonlyArray<{ readonly host: string; readonly port: number }>
  readonly username: string | undefined
  readonly password: string | undefined
  readonly db: number
  readonly tls: boolean
}

/** Undefined when one of them is no address of a Redis. */
export const parseAddresses = (list: string): Addresses | undefined => {
  const urls = list.split(",").map((one) => URL.parse(one.trim()))
  if (!urls.every((url) => url !== null && /^rediss?:$/.test(url.protocol) && url.hostname !== "")) return undefined
  const [first] = urls as [URL]
  const db = /^\/?(\d{0,5})$/.exec(first.pathname)
  if (db === null) return undefined
  return {
    nodes: (urls as ReadonlyArray<URL>).map(({ hostname, port }) => ({
      host: hostname.replace(/^\[|\]$/g, ""),
      port: port === "" ? 6379 : Number(port)
    })),
    username: first.username === "" ? undefined : decodeURIComponent(first.username),
    password: first.password === "" ? undefined : decodeURIComponent(first.password),
    db: Number(db[1] || 0),
    tls: first.protocol === "rediss:"
  }
}
