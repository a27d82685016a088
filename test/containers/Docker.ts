/** The docker command, as a person types it, and what its containers say of themselves. */
import { execFile } from "node:child_process"
import { promisify } from "node:util"

const run = promisify(execFile)

/** Returns what it printed; rejects with what it complained of. */
export const docker = async (...args: ReadonlyArray<string>): Promise<string> => {
  const { stdout } = await run("docker", [...args], { maxBuffer: 64 * 1_048_576 }).catch(
    (error: { readonly stdout: string; readonly stderr: string; readonly code: number }) => {
      throw new Error(`docker ${args.join(" ")} ended with ${error.code}:\n${error.stdout}${error.stderr}`)
    }
  )
  return stdout
}

/** What a container printed, on both its streams. */
export const logsOf = async (container: string): Promise<string> => {
  const { stdout, stderr } = await run("docker", ["logs", container], { maxBuffer: 64 * 1_048_576 })
  return `${stdout}${stderr}`
}

export interface Container {
  readonly Name: string
  readonly Config: {
    readonly User: string
    readonly Entrypoint: ReadonlyArray<string>
    readonly Cmd: ReadonlyArray<string>
    readonly ExposedPorts: Readonly<Record<string, object>>
    readonly Volumes: Readonly<Record<string, object>>
    readonly Healthcheck?: object
  }
  readonly State: {
    readonly Status: string
    readonly ExitCode: number
    readonly Health?: { readonly Status: string; readonly Log: ReadonlyArray<{ readonly Output: string }> }
  }
}

/** `docker inspect` of a container or an image. */
export const inspect = async (name: string): Promise<Container> => JSON.parse(await docker("inspect", name))[0]

/** A token that was printed where it may not be. */
export const tokenIn = (printed: string): string | undefined => /\bhrld_[0-9a-f]+_[0-9a-f]+\b/.exec(printed)?.[0]

/** A call of Herald's HTTP API with a body of JSON. */
export const call = async (url: string, token: string, method = "GET", body?: unknown) => {
  const answer = await fetch(url, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    signal: AbortSignal.timeout(30_000),
    ...(body === undefined ? {} : { body: JSON.stringify(body) })
  })
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers by hand
  return { status: answer.status, body: (await answer.json()) as any }
}

export const publish = (http: string, token: string, key: string, value: unknown) =>
  call(`${http}/v1/config/${key}?environment=production`, token, "PUT", { value, message: "test" })
