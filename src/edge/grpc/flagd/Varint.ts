/** A number as protobuf has it, such as the length of a field, where a message is put together of bytes that are kept. Pure. */
export const varint = (number: number): Array<number> =>
  number < 0x80 ? [number] : [(number & 0x7f) | 0x80, ...varint(number >>> 7)]
