import { type AttributePath, formatTag } from '../dicom/attribute-path.ts'
import { nameOfTag } from '../dicom/dictionary.ts'

const itemOf = (item: number | 'every' | undefined): string => (typeof item === 'number' ? `[${item}]` : '')

/** A path as rules write it: `RequestAttributesSequence[0].ScheduledProcedureStepID`. */
export const nameOfPath = (path: AttributePath): string =>
  path.map(({ tag, item }) => nameOfTag(tag) + itemOf(item)).join('.')

/** A path in numbers: `(0040,0275)[0].(0040,0009)`. */
export const tagsOfPath = (path: AttributePath): string =>
  path.map(({ tag, item }) => formatTag(tag) + itemOf(item)).join('.')
