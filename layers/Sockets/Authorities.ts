/** Reads the authorities of clients' certificates: files of PEM. TC4 in Certificate.ts */
import { X509Certificate } from "node:crypto"
import { readFileSync, statSync } from "node:fs"

/** What went wrong, with what it was about. */
export const attempt = <A>(what: string, of: () => A): A => {
  try {
    return of()
  } catch (cause) {
    throw new Error(`${what}: ${cause instanceof Error ? cause.message : String(cause)}`)
  }
}

const BLOCK = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g
/** Bytes of a file of authorities: three times what a system trusts. */
const BYTES = 1_048_576

export interface Authorities {
  readonly pem: string
  readonly all: ReadonlyArray<X509Certificate>
}

/** `setting`: which one named the file. Throws what is wrong with it. */
export const readAuthorities = (file: string, setting: string): Authorities => {
  const pem = attempt(`${setting} can't be read`, () => {
    if (statSync(file).size > BYTES) throw new Error(`it has more than ${BYTES} bytes`)
    return readFileSync(file, "utf8")
  })
  const blocks = pem.match(BLOCK) ?? []
  if (blocks.length === 0) throw new Error(`${file} (${setting}) has no certificate in PEM`)
  if (pem.split("-----BEGIN").length !== blocks.length + 1 || pem.split("-----END").length !== blocks.length + 1)
    throw new Error(`${file} (${setting}) ends in the middle of a certificate, or has something else in it`)
  const all = blocks.map((one) =>
    attempt(`${file} (${setting}) has what is no certificate in PEM`, () => new X509Certificate(one))
  )
  return { pem, all }
}
