/** gRPC's official interop client, of grpc-go: https://github.com/grpc/grpc/blob/master/doc/interop-test-descriptions.md */
import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { assert } from "vitest"
import { goProgram } from "./Tools.ts"

export const cases = [
  "empty_unary",
  "large_unary",
  "client_streaming",
  "server_streaming",
  "ping_pong",
  "empty_stream",
  "timeout_on_sleeping_server",
  "cancel_after_begin",
  "cancel_after_first_response",
  "status_code_and_message",
  "special_status_message",
  "custom_metadata",
  "unimplemented_method",
  "unimplemented_service",
  "rpc_soak",
  "channel_soak"
]

/** `ca`: the authority to trust, for TLS. */
export const runCase = async (
  name: string,
  port: number,
  ca?: string,
  more: ReadonlyArray<string> = []
): Promise<void> => {
  const args = ["-server_host=localhost", `-server_port=${port}`, `-test_case=${name}`]
  const tls = ca === undefined ? [] : ["-use_tls", "-use_test_ca", `-ca_file=${ca}`]
  // On a starved machine a second is soon over: what is judged is whether calls succeed.
  const patient = ["-soak_per_iteration_max_acceptable_latency_ms=30000", "-soak_overall_timeout_seconds=60"]
  try {
    await promisify(execFile)(await goProgram("client"), [...args, ...tls, ...patient, ...more], {
      timeout: 90_000,
      maxBuffer: 67_108_864
    })
  } catch (cause) {
    assert.fail(`${name}: ${(cause as { readonly stderr?: string }).stderr ?? String(cause)}`)
  }
}
