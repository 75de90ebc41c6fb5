import { tagOf } from '../dicom/attribute-path.ts'
import { isCertain, isPlain } from '../dicom/character-set.ts'
import { lookUpTag } from '../dicom/dictionary.ts'
import type { Header, HeaderElement } from '../dicom/header.ts'
import { scanUnknown } from '../dicom/scan.ts'
import { usesCharacterSet } from '../dicom/vr.ts'
import type { HeaderView, ViewedElement } from './facts.ts'

export const SPECIFIC_CHARACTER_SET = tagOf(0x0008, 0x0005)

/** A scanned header as rules see it. */
export function viewOfHeader(header: Header): HeaderView {
  return {
    values: (path) => header.values(path) ?? (header.element(path) === undefined ? [] : undefined),
    has: (path) => header.element(path) !== undefined,
    vr: (path) => header.element(path)?.vr,
    items: (path) => {
      const element = header.element(path)
      if (element === undefined) return 0
      return element.isSequence && !element.isLeftOut ? element.itemCount : undefined
    },
    writing: (path) => header.writing(path),
    walk: () => viewed(header),
  }
}

function* viewed(header: Header): Generator<ViewedElement> {
  for (const element of header.walk()) {
    const vr = element.isSequence ? 'SQ' : header.readableVr(element.tag, element.vr)
    const isText = usesCharacterSet(vr) || element.vr === 'UN'
    const ascii = element.value !== undefined && isPlain(element.value, element.characterSet)
    yield {
      path: element.path,
      vr,
      isSequence: element.isSequence,
      closed: closedAs(element, vr),
      inside: () => insideOf(element),
      isAscii: ascii,
      isGuess: isText && !ascii && element.value !== undefined && !isCertain(element.value, element.characterSet),
      bytes: element.value,
      values: () => header.read(element),
    }
  }
}

/** UN of defined length is not opened, whatever is in it; items begin with their tag (PS3.5 6.2.2, 7.5). */
function closedAs(element: HeaderElement, vr: string): ViewedElement['closed'] {
  if (element.isSequence || vr === 'SQ') return element.isLeftOut ? 'too large' : element.isSequence ? undefined : 'UN'
  if (element.vr !== 'UN') return undefined
  if (element.isLeftOut) return lookUpTag(element.tag) === undefined ? 'UN' : undefined
  return element.value !== undefined && beginsWithItem(element.value) ? 'UN' : undefined
}

/** Where a sequence was made of the value, it is not one of its own elements. */
function insideOf({ value }: HeaderElement): readonly ViewedElement[] | undefined {
  const header = value === undefined ? undefined : scanUnknown(value)
  return header === undefined ? undefined : [...viewed(header)].slice(1)
}

const beginsWithItem = (bytes: Buffer): boolean => bytes.length >= 8 && bytes.readUInt32LE(0) === 0xe000fffe
