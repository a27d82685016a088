/** Makes a certificate authority that nobody trusts unless told to, and a certificate of it for this machine, by openssl. */
import { execFileSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { installed } from "./installed.ts"

export interface Certificates {
  /** Paths of PEM files. */
  readonly ca: string
  readonly key: string
  readonly certificate: string
  /** What a test's own client needs to trust it: the authority as PEM. */
  readonly trusted: { readonly ca: string }
}

/** `name`: what the certificate is for; this machine by default. */
export const makeCertificates = (folder: string, name = "DNS:localhost,IP:127.0.0.1"): Certificates => {
  installed("openssl", ["openssl"])
  const at = (file: string) => join(folder, file)
  const openssl = (...args: ReadonlyArray<string>) => execFileSync("openssl", args, { stdio: "ignore" })
  const fresh = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
  openssl("req", "-x509", ...fresh, "-keyout", at("ca.key"), "-out", at("ca.pem"), "-days", "2", "-subj", "/CN=test CA")
  openssl("req", ...fresh, "-keyout", at("server.key"), "-out", at("server.csr"), "-subj", "/CN=test server")
  writeFileSync(at("names"), `subjectAltName=${name}\n`)
  const signed = ["-CA", at("ca.pem"), "-CAkey", at("ca.key"), "-CAcreateserial", "-days", "2", "-extfile", at("names")]
  openssl("x509", "-req", "-in", at("server.csr"), ...signed, "-out", at("server.pem"))
  const ca = at("ca.pem")
  return { ca, key: at("server.key"), certificate: at("server.pem"), trusted: { ca: readFileSync(ca, "utf8") } }
}
