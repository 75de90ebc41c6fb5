import type { TransferSyntax } from './transfer-syntax.ts'

/** The element's tag, VR and length; without VR four bytes fewer. */
export const TRAILING_PADDING_HEAD_BYTES = 12

const LITTLE_ENDIAN_TAG = Buffer.of(0xfc, 0xff, 0xfc, 0xff)
const BIG_ENDIAN_TAG = Buffer.of(0xff, 0xfc, 0xff, 0xfc)

/**
 * Fills the end of a Part 10 file with Data Set Trailing Padding (FFFC,FFFC), an OB of zeros (PS3.10 7.2). With zeros alone
 * where the element has no room, and behind a deflated data set, which says itself where it ends (RFC 1951 3.2.3).
 */
export function fillTrailing(bytes: Buffer, { explicitVr, bigEndian, deflated }: TransferSyntax): void {
  bytes.fill(0)
  const head = explicitVr ? TRAILING_PADDING_HEAD_BYTES : TRAILING_PADDING_HEAD_BYTES - 4
  if (deflated || bytes.length < head) return
  bytes.set(bigEndian ? BIG_ENDIAN_TAG : LITTLE_ENDIAN_TAG)
  if (explicitVr) bytes.write('OB', 4, 'latin1')
  if (bigEndian) bytes.writeUInt32BE(bytes.length - head, head - 4)
  else bytes.writeUInt32LE(bytes.length - head, head - 4)
}
