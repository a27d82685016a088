/** Bytes of a message that is sent, at most, whatever sends it. */
export const MAX_SEND = 8_388_608
