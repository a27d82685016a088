/** A lane with gRPC's interop service in a process of its own, on whatever runs this. Prints its port, and ends when its input does. */
import process from "node:process"
import { LaneServer } from "../../../layers/Grpc/lane/LaneServer.ts"
import { testService } from "./TestService.ts"

const lane = new LaneServer({ handlers: testService(), defect: (error) => console.error(error) })
console.log(await lane.listen("127.0.0.1", 0))
process.stdin.resume()
process.stdin.on("end", () => {
  lane.destroy()
  process.exit()
})
