import { canReencode } from '../dicom/reencode.ts'
import { EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, transferSyntaxOf } from '../dicom/transfer-syntax.ts'
import type { TransferSyntaxUid } from '../dicom/uid.ts'
import type { TransferSyntaxChoice } from '../rules/destination.ts'

const NATIVE: readonly TransferSyntaxUid[] = [EXPLICIT_VR_LITTLE_ENDIAN.uid, IMPLICIT_VR_LITTLE_ENDIAN.uid]

/** In which transfer syntaxes an instance may leave, the best first; none when the destination takes none that we can make. */
export function candidates(received: TransferSyntaxUid, choice: TransferSyntaxChoice): readonly TransferSyntaxUid[] {
  const canBe = (to: TransferSyntaxUid): boolean => canReencode(transferSyntaxOf(received), transferSyntaxOf(to))
  if (choice === 'as_received') return [received]
  if (choice === 'default') return [received, ...NATIVE.filter((to) => to !== received && canBe(to))]
  return choice.filter(canBe)
}
