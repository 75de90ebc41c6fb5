import { elapsed, systemClock } from '../base/clock.ts'
import { IMPLICIT_VR_LITTLE_ENDIAN } from '../dicom/transfer-syntax.ts'
import type { SopClassUid } from '../dicom/uid.ts'
import { VERIFICATION } from '../dimse/negotiation.ts'
import { readSettings } from '../settings/settings.ts'
import { associateWith } from './association-to.ts'
import { type Command, UsageError } from './command.ts'
import { dimseNamed } from './destination-named.ts'
import { requireRules } from './rules-in-folder.ts'

/** C-ECHO (PS3.7 9.1.5) to a destination of the rules; exit code 1 when it does not answer 0000H. */
export const echoCommand: Command = {
  name: 'echo',
  usage: 'NAME',
  sentence: 'does this destination answer? (C-ECHO)',
  async run(args, context) {
    const [name, ...rest] = args
    if (name === undefined || rest.length > 0) throw new UsageError('which destination?')
    const settings = readSettings(context.environment)
    const dimse = dimseNamed(await requireRules(context.environment), name)
    const startedAt = systemClock.monotonic()
    const verification = {
      abstractSyntax: VERIFICATION as SopClassUid,
      transferSyntaxes: [IMPLICIT_VR_LITTLE_ENDIAN.uid],
    }
    await using association = await associateWith(dimse, [verification], settings, context.signal)
    const outcome = await association.echo()
    const took = elapsed(startedAt, systemClock.monotonic())
    if (outcome.kind === 'answered' && outcome.status === 0) {
      context.print(`${name} answered in ${took} ms`)
      return 0
    }
    context.complain(`${name} did not answer: ${outcome.kind === 'answered' ? hex(outcome.status) : outcome.kind}`)
    return 1
  },
}

const hex = (status: number): string => `status ${status.toString(16).padStart(4, '0').toUpperCase()}H`
