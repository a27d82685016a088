/** Goes through all steps of what may be left between two of them, and gives what comes of it. */
export const finish = <A>(steps: Generator<void, A>): A => {
  for (let step = steps.next(); ; step = steps.next()) if (step.done === true) return step.value
}
