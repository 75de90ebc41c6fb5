import { EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN } from '../dicom/transfer-syntax.ts'
import type { TransferSyntaxUid } from '../dicom/uid.ts'

/** What a destination may be sent: as received; for native pixels the other VR encoding too; or these, best first. */
export type TransferSyntaxChoice = 'default' | 'as_received' | readonly TransferSyntaxUid[]

const NATIVE: readonly TransferSyntaxUid[] = [EXPLICIT_VR_LITTLE_ENDIAN.uid, IMPLICIT_VR_LITTLE_ENDIAN.uid]

/** Whether one can be written as the other without touching a pixel: both little endian, VRs said or not (PS3.5 A.1, A.2). */
export const isReencodable = (from: TransferSyntaxUid, to: TransferSyntaxUid): boolean =>
  from === to || (NATIVE.includes(from) && NATIVE.includes(to))

/** In which transfer syntaxes an instance may leave, the best first; none when the destination takes none that we can make. */
export function candidates(received: TransferSyntaxUid, choice: TransferSyntaxChoice): readonly TransferSyntaxUid[] {
  if (choice === 'as_received') return [received]
  if (choice === 'default') return [received, ...NATIVE.filter((to) => to !== received && isReencodable(received, to))]
  return choice.filter((to) => isReencodable(received, to))
}
