/** An issuer of tokens on a socket of its own, that answers as a test wants. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from "jose"

export interface Signing {
  readonly alg: string
  readonly kid: string
  readonly privateKey: CryptoKey
  readonly jwk: JWK
}

export const signing = async (alg: string, kid: string): Promise<Signing> => {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  return { alg, kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: "sig" } }
}

type Answer = (request: IncomingMessage, response: ServerResponse) => void

export const json =
  (value: unknown): Answer =>
  (_, response) => {
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(value))
  }

export class FakeIssuer implements AsyncDisposable {
  readonly #server: Server
  readonly asked: Array<string> = []
  keys: ReadonlyArray<JWK> = []
  configuration: Answer | undefined
  jwks: Answer | undefined

  private constructor() {
    this.#server = createServer((request, response) => {
      const url = request.url ?? ""
      this.asked.push(url)
      if (url === "/.well-known/openid-configuration") {
        const said = { issuer: this.url, jwks_uri: `${this.url}/jwks` }
        return (this.configuration ?? json(said))(request, response)
      }
      if (url === "/jwks") return (this.jwks ?? json({ keys: this.keys }))(request, response)
      response.writeHead(404).end()
    })
  }

  static async open(...keys: ReadonlyArray<Signing>): Promise<FakeIssuer> {
    const issuer = new FakeIssuer()
    issuer.keys = keys.map(({ jwk }) => jwk)
    await new Promise<void>((resolve) => issuer.#server.listen(0, "127.0.0.1", resolve))
    return issuer
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }
  get url(): string {
    return `http://${this.address}`
  }

  /** How often the keys were asked for. */
  get reads(): number {
    return this.asked.filter((url) => url === "/jwks").length
  }

  /** `now`: seconds since 1970. Claims that are undefined are left out. */
  async token(
    { alg, kid, privateKey }: Signing,
    claims: Readonly<Record<string, unknown>> = {},
    header: Readonly<Record<string, unknown>> = {},
    now = 0
  ): Promise<string> {
    const all = { iss: this.url, aud: "herald", sub: "ann", exp: now + 3_600, ...claims }
    const said = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
    return new SignJWT(said).setProtectedHeader({ alg, kid, ...header }).sign(privateKey)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
