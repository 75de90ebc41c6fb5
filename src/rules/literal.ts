import { parseAeTitle } from '../dicom/ae-title.ts'
import { TRANSFER_SYNTAXES, transferSyntaxByKeyword } from '../dicom/transfer-syntax.ts'
import { addressAsShown } from './cidr.ts'
import { neverFound } from './compared-text.ts'
import { isCount, type Name, type StudyName } from './name.ts'
import type { Place } from './place.ts'
import { isSopClassKeyword, nearestSopClass } from './sop-class.ts'
import { SETTLED_BY } from './study-decision.ts'
import { didYouMean } from './suggestion.ts'

/** A text that a value is compared with, in the form in which values are; undefined after reporting that none can be. */
export function readLiteral(place: Place, name: Name): string | undefined {
  const literal = (place.text() ?? '').normalize('NFC')
  if (literal === '') return place.report('An empty text equals nothing; write { present: false }.')
  const problem = literalProblem(literal, name)
  return problem === undefined ? literal : place.report(problem)
}

/** Why nothing that has this name equals the text; undefined when something can. @param literal in NFC */
export const literalProblem = (literal: string, name: Name): string | undefined =>
  checkLiteral(literal, name) ?? neverFound(literal, name)

function checkLiteral(literal: string, name: Name): string | undefined {
  switch (name.kind) {
    case 'ours':
      return checkOurs(literal, name.name)
    case 'study':
      return checkOfStudy(literal, name.name)
    case 'answer':
      return name.field !== 'found' || literal === 'true' || literal === 'false'
        ? undefined
        : `${name.text} is true or false, not ${literal}.`
    case 'attribute':
      return undefined
    default:
      return name satisfies never
  }
}

function checkOfStudy(literal: string, name: StudyName): string | undefined {
  if (name === 'settled_by')
    return SETTLED_BY.some((word) => word === literal)
      ? undefined
      : `A study is settled by one of ${SETTLED_BY.join(', ')}, not by ${literal}.`
  if (isCount(name) && !/^(0|[1-9]\d*)$/.test(literal)) return `${name} is a whole number, not ${literal}.`
  return undefined
}

const DOORS = ['dimse', 'stow', 'upload', 'folder', 'retrieve']

function checkOurs(literal: string, name: (Name & { kind: 'ours' })['name']): string | undefined {
  switch (name) {
    case 'calling_ae':
    case 'called_ae':
      return parseAeTitle(literal) === undefined
        ? `${literal} is not an AE title: 1 to 16 printable ASCII characters.`
        : undefined
    case 'peer':
      return checkPeer(literal)
    case 'door':
      return DOORS.includes(literal) ? undefined : `There is no door ${literal}. There are: ${DOORS.join(', ')}.`
    case 'sop_class': {
      if (/^[0-9.]+$/.test(literal) || isSopClassKeyword(literal)) return undefined
      const meant = nearestSopClass(literal)
      return `${literal} is not a storage SOP class.${meant === undefined ? '' : ` Did you mean ${meant}?`}`
    }
    case 'transfer_syntax': {
      if (/^[0-9.]+$/.test(literal) || transferSyntaxByKeyword(literal) !== undefined) return undefined
      return `${literal} is not a transfer syntax.${didYouMean(
        literal,
        TRANSFER_SYNTAXES.map((syntax) => syntax.keyword),
      )}`
    }
    default:
      return name satisfies never
  }
}

function checkPeer(literal: string): string | undefined {
  if (literal.includes('/')) return `An address range is asked for by { within: ${literal} }.`
  const shown = addressAsShown(literal)
  if (shown === undefined) return `${literal} is not an IP address.`
  return shown === literal ? undefined : `The address ${literal} is written ${shown}.`
}
