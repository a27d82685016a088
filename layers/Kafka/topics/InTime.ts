/** Waits for what may come too late. */
import { OwnWords } from "./Words.ts"

export const tooLate = (): Error => new OwnWords("Kafka did not answer in time")

/** Rejects when `millis` are over. */
export const inTime = async <A>(promise: Promise<A>, millis: number): Promise<A> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(tooLate()), Math.max(0, millis))
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
