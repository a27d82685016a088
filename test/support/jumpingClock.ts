/** Loaded into a server before all else: each SIGUSR2 sets its wall clock by `JUMP` milliseconds, and the next one back again. */
const now = Date.now
const RealDate = Date
const by = Number(process.env["JUMP"])
let jumped = 0
process.on("SIGUSR2", () => {
  jumped = jumped === 0 ? by : 0
})
const jumping = () => now() + jumped
globalThis.Date = new Proxy(RealDate, {
  construct: (real, args, target) => Reflect.construct(real, args.length === 0 ? [jumping()] : args, target) as object,
  apply: () => new RealDate(jumping()).toString(),
  get: (real, name) => (name === "now" ? jumping : Reflect.get(real, name))
})
