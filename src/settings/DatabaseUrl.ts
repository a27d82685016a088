/** Several servers in one URL, as libpq writes them: `postgres://user:password@a:5432,b:5433/database` (PostgreSQL 18, section 32.1.1.2). Pure. */

const PARTS = /^(postgres(?:ql)?:\/\/(?:[^@/?#]*@)?)([^/?#]*)(.*)$/s

/** One URL for each server, in their order; undefined when one of them is wrong. */
export const serversOf = (url: string): ReadonlyArray<string> | undefined => {
  const [, before, servers, after] = PARTS.exec(url) ?? []
  const urls = servers?.split(",").map((server) => `${before}${server}${after}`)
  return urls?.every((one) => URL.parse(one) !== null) ? urls : undefined
}

/** `host:port`, for logs: without user and password. */
export const nameOf = (url: string): string => {
  const { hostname, port, searchParams } = new URL(url)
  return `${searchParams.get("host") ?? (hostname || "localhost")}:${searchParams.get("port") ?? (port || "5432")}`
}
