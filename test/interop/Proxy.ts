/** nginx and HAProxy as people put them before gRPC, in clear text or in TLS on both of their sides. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { join } from "node:path"
import { freePort } from "../../layers/Postgres/embedded/Postmaster.ts"
import type { Certificates } from "../support/Certificates.ts"
import { newFolder } from "../support/folder.ts"
import { installed } from "../support/installed.ts"
import { waitUntil } from "../support/waitUntil.ts"

export const proxies = ["nginx", "HAProxy"] as const
export type Named = (typeof proxies)[number]

interface Asked {
  readonly folder: string
  readonly port: number
  readonly target: number
  readonly tls: Certificates | undefined
  /** The server's certificate and its key in one file. */
  readonly pair: string
}

const nginx = ({ folder, port, target, tls }: Asked) => `
daemon off; worker_processes 1; worker_shutdown_timeout 1s; pid ${folder}/pid; error_log ${folder}/log warn;
events { worker_connections 512; }
http {
  access_log off; client_body_temp_path ${folder}/a; proxy_temp_path ${folder}/b;
  fastcgi_temp_path ${folder}/c; uwsgi_temp_path ${folder}/d; scgi_temp_path ${folder}/e;
  upstream herald { server 127.0.0.1:${target}; keepalive 8; }
  server {
    listen 127.0.0.1:${port} http2${tls === undefined ? "" : " ssl"};
    ${tls === undefined ? "" : `ssl_certificate ${tls.certificate}; ssl_certificate_key ${tls.key};`}
    client_max_body_size 0; client_body_timeout 1h; keepalive_timeout 1h;
    location / {
      grpc_pass ${tls === undefined ? "grpc" : "grpcs"}://herald;
      ${tls === undefined ? "" : `grpc_ssl_trusted_certificate ${tls.ca}; grpc_ssl_verify on; grpc_ssl_name localhost;`}
      grpc_read_timeout 1h; grpc_send_timeout 1h; grpc_socket_keepalive on;
    }
  }
}
`

const haproxy = ({ port, target, tls, pair }: Asked) => `
global
  hard-stop-after 1s
defaults
  mode http
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  timeout http-request 10s
frontend door
  bind 127.0.0.1:${port} ${tls === undefined ? "proto h2" : `ssl crt ${pair} alpn h2`}
  default_backend herald
backend herald
  http-reuse safe
  server one 127.0.0.1:${target} ${tls === undefined ? "proto h2" : `ssl alpn h2 ca-file ${tls.ca} verify required verifyhost localhost`}
`

/** One before a port of this machine. */
export class Proxy implements AsyncDisposable {
  readonly #folder = newFolder()
  readonly #named: Named
  readonly #child: ChildProcess
  readonly port: number
  readonly ca: string | undefined
  #said = ""

  private constructor(named: Named, port: number, target: number, tls: Certificates | undefined) {
    const folder = this.#folder.path
    const config = join(folder, "config")
    const pair = join(folder, "pair.pem")
    if (tls !== undefined) writeFileSync(pair, readFileSync(tls.certificate, "utf8") + readFileSync(tls.key, "utf8"))
    writeFileSync(config, (named === "nginx" ? nginx : haproxy)({ folder, port, target, tls, pair }))
    const command = named === "nginx" ? ["nginx", "-p", folder, "-c", config] : ["haproxy", "-W", "-f", config]
    this.#child = spawn(command[0]!, command.slice(1), { stdio: ["ignore", "pipe", "pipe"] })
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on("data", (chunk) => (this.#said += String(chunk)))
    this.#named = named
    this.port = port
    this.ca = tls?.ca
  }

  static async open(named: Named, target: number, tls?: Certificates): Promise<Proxy> {
    installed("nginx", ["nginx-light"])
    installed("haproxy", ["haproxy"])
    const proxy = new Proxy(named, await freePort(), target, tls)
    await waitUntil(`${named} to listen`, () => {
      if (proxy.#child.exitCode !== null) throw new Error(proxy.#said)
      return listens(proxy.port)
    })
    return proxy
  }

  /** As its operator does after a change of its configuration: what is open is given a second. */
  reload(): void {
    this.#child.kill(this.#named === "nginx" ? "SIGHUP" : "SIGUSR2")
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null) {
      const ended = once(this.#child, "exit")
      this.#child.kill("SIGTERM")
      await ended
    }
    this.#folder.remove()
  }
}

const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy()
      resolve(true)
    })
    socket.on("error", () => resolve(false))
  })
