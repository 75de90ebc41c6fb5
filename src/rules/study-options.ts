import { z } from 'zod'
import { type Milliseconds, ms } from '../base/clock.ts'
import { durationField } from './field.ts'

/** When a study's moment comes, and what becomes of what comes after it (RULES.md 3.2 and 3.11). */
export interface StudyOptions {
  /** Nothing has come for this long. */
  readonly quiet: Milliseconds
  /** Or it has been open for this long. */
  readonly longest: Milliseconds
  /** Another round with the new instances, with all of them, or none. */
  readonly late: 'new_only' | 'whole_study' | 'ignore'
}

export const USUAL_STUDY: StudyOptions = { quiet: ms(90_000), longest: ms(1_800_000), late: 'new_only' }

export const studySchema = z
  .strictObject({
    quiet: durationField
      .optional()
      .describe('A study is finished when nothing has come for this long; 90s unless said.'),
    longest: durationField.optional().describe('Or when it has been open for this long; 30m unless said.'),
    late: z
      .enum(['new_only', 'whole_study', 'ignore'])
      .optional()
      .describe('Instances that come later: another round with them alone (unless said otherwise), with all, or none.'),
  })
  .transform(
    ({ quiet = USUAL_STUDY.quiet, longest, late = USUAL_STUDY.late }): StudyOptions => ({
      quiet,
      longest: longest ?? ms(Math.max(USUAL_STUDY.longest, quiet)),
      late,
    }),
  )
  .refine(({ quiet, longest }) => quiet <= longest, { message: 'quiet cannot be more than longest.' })
