import { KurirError } from '../base/failure.ts'
import type { AeTitle } from '../dicom/ae-title.ts'
import type { DimseOptions } from '../rules/destination.ts'
import type { Ruleset } from '../rules/ruleset.ts'

/**
 * The dimse options of the destination of that name.
 *
 * @throws KurirError `not-found` naming those that there are, `not-configured`, `invalid-argument` for another kind
 */
export function dimseNamed(ruleset: Ruleset, name: string): DimseOptions {
  const reach = ruleset.destinations.get(name)?.destination.reach
  if (reach === undefined) {
    const known = [...ruleset.destinations.keys()].sort().join(', ')
    throw new KurirError('not-found', 'permanent', `there is no destination ${name}; there are: ${known}`)
  }
  if (reach.kind === 'not-configured') {
    throw new KurirError('not-configured', 'permanent', `${name} needs ${reach.unset.join(', ')}, which is not set`)
  }
  if (reach.kind !== 'dimse') {
    throw new KurirError(
      'invalid-argument',
      'permanent',
      `${name} is a ${reach.kind} destination; this works for dimse`,
    )
  }
  return reach.dimse
}

/** Under which title we call: the destination's own choice when it is a fixed one, else ours. */
export const ourTitleFor = (dimse: DimseOptions, own: AeTitle): AeTitle =>
  dimse.callingAe === undefined || dimse.callingAe === '{calling_ae}' ? own : (dimse.callingAe as AeTitle)
