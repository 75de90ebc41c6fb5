import type { Brand } from '../base/brand.ts'
import { unpadEnd } from './padding.ts'

/** An application entity title: VR AE without its padding (PS3.5 6.2). */
export type AeTitle = Brand<string, 'AeTitle'>

// Any printable ASCII but the backslash. Sites do use spaces and dots.
const AE_TITLE = /^[\x20-\x5b\x5d-\x7e]{1,16}$/

/** Undefined when the text, without leading and trailing spaces and NULs, is not an AE title. */
export function parseAeTitle(text: string): AeTitle | undefined {
  const title = unpadEnd(text).replace(/^[ \0]+/, '')
  return AE_TITLE.test(title) ? (title as AeTitle) : undefined
}
