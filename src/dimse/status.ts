/** Statuses that this layer itself answers with (PS3.7 Annex C, PS3.4 B.2.3). */
export const STATUS = {
  success: 0x0000,
  processingFailure: 0x0110,
  invalidInstance: 0x0117,
  unrecognisedOperation: 0x0211,
  mistypedArgument: 0x0212,
  outOfResources: 0xa700,
} as const
