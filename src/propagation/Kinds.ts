/** Knows the kinds of changes of this node. */
import { Context, Layer } from "effect"
import { type Kind, type KindsShape, makeKinds } from "./Kind.ts"

export class Kinds extends Context.Service<Kinds, KindsShape>()("herald/propagation/Kinds") {
  static readonly layer = (first: Kind, ...others: ReadonlyArray<Kind>) =>
    Layer.succeed(Kinds, makeKinds(first, ...others))
}
