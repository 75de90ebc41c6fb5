import { type AttributePath, tagOf } from '../dicom/attribute-path.ts'
import type { Header, HeaderElement } from '../dicom/header.ts'
import { usesCharacterSet } from '../dicom/vr.ts'
import type { HeaderView, TextElement } from './facts.ts'

export const SPECIFIC_CHARACTER_SET = tagOf(0x0008, 0x0005)

/** A scanned header as rules see it. */
export function viewOfHeader(header: Header): HeaderView {
  return {
    values: (path) => header.values(path) ?? (header.element(path) === undefined ? [] : undefined),
    has: (path) => header.element(path) !== undefined,
    vr: (path) => header.element(path)?.vr,
    tags: () => ownTags(header),
    declared: header.text(SPECIFIC_CHARACTER_SET) === undefined ? undefined : header.characterSet,
    texts: () => textsOf(header),
  }
}

const ownTags = (header: Header) => [...header.walk()].filter(({ path }) => path.length === 1).map(({ tag }) => tag)

function textsOf(header: Header): readonly TextElement[] {
  const texts: TextElement[] = []
  for (const element of header.walk()) {
    if (!usesCharacterSet(element.vr) && element.tag !== SPECIFIC_CHARACTER_SET) continue
    texts.push({
      path: element.path,
      vr: element.vr,
      values: valuesOf(header, element),
      isAscii: isAscii(element.value),
    })
  }
  return texts
}

const valuesOf = (header: Header, element: HeaderElement): readonly string[] | undefined =>
  element.value === undefined ? undefined : header.values(element.path satisfies AttributePath)

// ESC begins another character set (PS3.5 6.1.2.5), so text with it is not plain ASCII.
const isAscii = (bytes: Uint8Array | undefined): boolean =>
  bytes?.every((byte) => byte < 0x80 && byte !== 0x1b) === true
