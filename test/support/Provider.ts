/** A real OpenID provider (npm oidc-provider) on a socket of its own, with a browser that clicks through its pages. */
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { exportJWK, generateKeyPair, type JWK } from "jose"
import Oidc from "oidc-provider"

export const AUDIENCE = "https://herald.example/api"
export const CLIENT = "herald-cli"

export const signingKey = async (kid: string): Promise<JWK> => {
  const { privateKey } = await generateKeyPair("RS256", { extractable: true })
  return { ...(await exportJWK(privateKey)), kid, alg: "RS256", use: "sig" }
}

const clientOf = {
  client_id: CLIENT,
  token_endpoint_auth_method: "none",
  grant_types: ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"],
  redirect_uris: [],
  response_types: []
}

export class Provider implements AsyncDisposable {
  readonly #server: Server
  #port = 0
  #provider: { callback: () => (request: unknown, response: unknown) => void } | undefined
  /** Milliseconds before each answer. */
  delay = 0
  readonly asked: Array<string> = []
  /** Seconds of an access token. */
  life = 300

  private constructor() {
    this.#server = createServer((request, response) => {
      this.asked.push(`${request.method} ${request.url}`)
      setTimeout(() => this.#provider!.callback()(request, response), this.delay)
    })
  }

  static async open(): Promise<Provider> {
    const provider = new Provider()
    await new Promise<void>((resolve) => provider.#server.listen(0, "127.0.0.1", resolve))
    provider.#port = (provider.#server.address() as AddressInfo).port
    await provider.rotate("one")
    return provider
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`
  }
  get url(): string {
    return `http://${this.address}`
  }

  /** It signs with this key from now on, and names no other; what it knew of sessions is gone. */
  async rotate(kid: string): Promise<void> {
    this.#provider = new Oidc(this.url, {
      jwks: { keys: [await signingKey(kid)] },
      clients: [clientOf],
      clientDefaults: { id_token_signed_response_alg: "RS256" },
      cookies: { keys: ["k"] },
      scopes: ["openid", "offline_access"],
      features: {
        deviceFlow: { enabled: true },
        revocation: { enabled: true },
        devInteractions: { enabled: true },
        resourceIndicators: {
          enabled: true,
          getResourceServerInfo: () => ({
            scope: "openid offline_access",
            audience: AUDIENCE,
            accessTokenTTL: this.life,
            accessTokenFormat: "jwt",
            jwt: { sign: { alg: "RS256" } }
          }),
          useGrantedResource: () => true
        }
      },
      issueRefreshToken: () => true,
      rotateRefreshToken: true,
      extraTokenClaims: () => ({ groups: ["ops"], email: "ann@x.org", email_verified: true }),
      findAccount: (_: unknown, id: string) => ({ accountId: id, claims: () => ({ sub: id }) })
    })
  }

  close(): Promise<void> {
    this.#server.closeAllConnections()
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }
  async reopen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.#port, "127.0.0.1", resolve))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server.listening) await this.close()
  }
}

const fields = (html: string): URLSearchParams => {
  const found = new URLSearchParams()
  for (const [input] of html.matchAll(/<input[^>]*>/g)) {
    const name = /name="([^"]*)"/.exec(input)?.[1]
    if (name !== undefined && name !== "abort") found.set(name, /value="([^"]*)"/.exec(input)?.[1] ?? "")
  }
  return found
}

/** Signs in as `who` at the page of a code, and allows all that is asked. */
export const approve = async (page: string, who: string): Promise<void> => {
  const jar = new Map<string, string>()
  const ask = async (url: string, form?: URLSearchParams): Promise<{ url: string; html: string }> => {
    const answer = await fetch(url, {
      method: form === undefined ? "GET" : "POST",
      redirect: "manual",
      headers: { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join("; ") },
      ...(form === undefined ? {} : { body: form })
    })
    for (const cookie of answer.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
      if (value === "") jar.delete(name)
      else jar.set(name, value)
    }
    const to = answer.headers.get("location")
    await (to === null ? Promise.resolve() : answer.body?.cancel())
    return to === null ? { url, html: await answer.text() } : ask(new URL(to, url).href)
  }
  let at = await ask(page)
  for (let step = 0; step < 8; step++) {
    if (/successful/.test(at.html)) return
    const action = /<form[^>]*action="([^"]*)"/.exec(at.html)?.[1]
    const form = fields(at.html)
    if (/name="login"/.test(at.html)) form.set("login", who)
    if (/name="password"/.test(at.html)) form.set("password", "x")
    if (action === undefined) break
    at = await ask(new URL(action.replaceAll("&amp;", "&"), at.url).href, form)
  }
  throw new Error(`the pages did not end: ${at.html.slice(0, 2_000)}`)
}
