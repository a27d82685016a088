/** An authority of clients' certificates for tests, by openssl: it issues, with names and times, revokes, and says what it revoked. */
import { execFileSync } from "node:child_process"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { installed } from "./installed.ts"

/** Paths of PEM files. */
export interface Issued {
  readonly certificate: string
  readonly key: string
}

const DAY = 86_400_000

/** As openssl has times. `at`: milliseconds since 1970. */
const written = (at: number): string => new Date(at).toISOString().replace(/[-:T]|\.\d+/g, "")

const configuration = (folder: string) => `[ca]
default_ca = own
[own]
database = ${folder}/index
new_certs_dir = ${folder}
serial = ${folder}/serial
crlnumber = ${folder}/crlnumber
certificate = ${folder}/ca.pem
private_key = ${folder}/ca.key
default_md = sha256
default_crl_days = 30
unique_subject = no
policy = any
[any]
commonName = supplied
[req]
distinguished_name = dn
[dn]
[above]
basicConstraints = critical,CA:TRUE
keyUsage = keyCertSign,cRLSign
[twin]
basicConstraints = critical,CA:TRUE
keyUsage = keyCertSign,cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always
`

export class Authority {
  /** Its certificate: a path. */
  readonly certificate: string
  readonly #folder: string
  #issued = 0

  /** `under`: which authority signs its certificate; itself when left out. */
  constructor(folder: string, name: string, under?: Authority) {
    installed("openssl", ["openssl"])
    this.#folder = join(folder, name)
    mkdirSync(this.#folder)
    this.certificate = this.#at("ca.pem")
    for (const [file, text] of [
      ["index", ""],
      ["serial", "1000\n"],
      ["crlnumber", "01\n"],
      ["config", configuration(this.#folder)]
    ] as const)
      writeFileSync(this.#at(file), text)
    this.#newKey("ca.key")
    const subject = ["-new", "-config", this.#at("config"), "-key", this.#at("ca.key"), "-subj", `/CN=${name}`]
    this.#openssl("req", ...subject, "-out", this.#at("ca.csr"))
    if (under === undefined)
      this.#openssl("req", "-x509", ...subject, "-extensions", "above", "-days", "30", "-out", this.certificate)
    else under.#sign(this.#at("ca.csr"), this.certificate, "above", {})
  }

  get pem(): string {
    return readFileSync(this.certificate, "utf8")
  }

  /** `names`: such as `URI:spiffe://prod/a,DNS:a`. Times in milliseconds since 1970. */
  issue(names: string, times: { readonly from?: number; readonly until?: number } = {}): Issued {
    const name = `client${this.#issued++}`
    const [key, request, certificate, extensions] = ["key", "csr", "pem", "ext"].map((end) =>
      this.#at(`${name}.${end}`)
    ) as [string, string, string, string]
    this.#newKey(`${name}.key`)
    this.#openssl("req", "-new", "-config", this.#at("config"), "-key", key, "-subj", `/CN=${name}`, "-out", request)
    writeFileSync(extensions, names === "" ? "" : `subjectAltName=${names}\n`)
    this.#sign(request, certificate, undefined, times, extensions)
    return { certificate, key }
  }

  /** Another certificate of another one, for its key and name, with this number in hexadecimal: PEM. */
  twinOf(other: Authority, number: string): string {
    writeFileSync(this.#at("serial"), `${number}\n`)
    this.#sign(other.#at("ca.csr"), this.#at("twin.pem"), "twin", {})
    return readFileSync(this.#at("twin.pem"), "utf8")
  }

  revoke({ certificate }: Issued): void {
    this.#openssl("ca", "-config", this.#at("config"), "-revoke", certificate)
  }

  /** What it revoked so far, in PEM. `until`: milliseconds since 1970 at which it ends. */
  revoked(until?: number): string {
    const ends = until === undefined ? [] : ["-crl_lastupdate", written(until - DAY), "-crl_nextupdate", written(until)]
    this.#openssl("ca", "-config", this.#at("config"), "-gencrl", ...ends, "-out", this.#at("crl.pem"))
    return readFileSync(this.#at("crl.pem"), "utf8")
  }

  #sign(
    request: string,
    out: string,
    extensions: string | undefined,
    { from = Date.now() - DAY, until = Date.now() + 30 * DAY }: { readonly from?: number; readonly until?: number },
    file?: string
  ): void {
    const with_ = file === undefined ? ["-extensions", extensions ?? "none"] : ["-extfile", file]
    const times = ["-startdate", written(from), "-enddate", written(until)]
    this.#openssl(
      "ca",
      "-batch",
      "-config",
      this.#at("config"),
      "-in",
      request,
      "-out",
      out,
      "-notext",
      ...times,
      ...with_
    )
  }

  #newKey(file: string): void {
    this.#openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-out", this.#at(file))
  }

  #at(file: string): string {
    return join(this.#folder, file)
  }

  #openssl(...args: ReadonlyArray<string>): void {
    execFileSync("openssl", args, { stdio: ["ignore", "ignore", "pipe"] })
  }
}
