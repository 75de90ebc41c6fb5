import { z } from 'zod'
import { textField } from './field.ts'
import type { Place } from './place.ts'

/** Reads the file of a key; undefined when it cannot be read. Handed in: this room reads nothing by itself. */
export type ReadKeyFile = (path: string) => Uint8Array | undefined

export const keySchema = z.strictObject({
  file: textField.describe('The file that holds the secret, 16 bytes at least; a line end behind it does not count.'),
})

const LEAST_BYTES = 16

/** The file that the key at a place names. */
export const readKeySection = (place: Place): string | undefined => place.read(keySchema)?.file

/** The secret as the file has it; undefined when it cannot be read or could be guessed. */
export function keyIn(file: string, readFile: ReadKeyFile): Uint8Array | undefined {
  const bytes = readFile(file)
  if (bytes === undefined) return undefined
  let length = bytes.length
  while (length > 0 && (bytes[length - 1] === 0x0a || bytes[length - 1] === 0x0d)) length--
  return length < LEAST_BYTES ? undefined : bytes.subarray(0, length)
}
