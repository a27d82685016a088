/** `hrld_<id>_<secret>`: the id is public, the secret is 256 random bits. Pure. */

const TOKEN = /^hrld_([a-f0-9]{16})_([a-f0-9]{64})$/

export const ID_BYTES = 8
export const SECRET_BYTES = 32

export const format = (id: string, secret: string): string => `hrld_${id}_${secret}`

export interface Parts {
  readonly id: string
  readonly secret: string
}

export const parse = (token: string): Parts | undefined => {
  const [, id, secret] = TOKEN.exec(token) ?? []
  return id === undefined || secret === undefined ? undefined : { id, secret }
}

/** What follows `Bearer`, or the whole text when no scheme is named. */
export const fromHeader = (header: string | undefined): string => {
  if (header === undefined) return ""
  return /^bearer /i.test(header) ? header.slice(7).trim() : header.trim()
}
