/** The load process: a Crowd that is told what to do over the channel to its parent. See Load.ts. */
import { type Connecting, Crowd } from "./Crowd.ts"

export type Command =
  | { readonly do: "connect"; readonly options: Connecting }
  | { readonly do: "measure" | "report" | "leave" | "close" }
  | { readonly do: "having"; readonly key: string; readonly version: number }
  | { readonly do: "lacking"; readonly versions: Readonly<Record<string, number>> }

const crowd = new Crowd()

const obey = async (command: Command): Promise<unknown> => {
  switch (command.do) {
    case "connect":
      return await crowd.connect(command.options)
    case "measure":
      return crowd.measure()
    case "lacking":
      return crowd.lacking(command.versions)
    case "having":
      return crowd.having(command.key, command.version)
    case "report":
      return crowd.report()
    case "leave":
      return crowd.leave()
    case "close":
      return crowd.close()
  }
}

process.on("message", ({ id, command }: { readonly id: number; readonly command: Command }) => {
  obey(command).then(
    (answer) => process.send!({ id, answer }),
    (error: Error) => process.send!({ id, error: error.message })
  )
})
process.on("disconnect", () => process.exit())
