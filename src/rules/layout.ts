import { lookUpKeyword, suggestKeyword } from '../dicom/dictionary.ts'

/** The text when it can be the layout of a folder: relative, without a step upward, its placeholders DICOM keywords. */
export function checkLayout(text: string): string | { readonly problem: string } {
  const steps = text.split('/')
  if (text === '' || steps.some((step) => step === '' || step === '.' || step === '..')) {
    return { problem: `The layout ${text} must be a relative path without empty steps, "." or "..".` }
  }
  if (text.includes('\\')) return { problem: 'The steps of a layout are parted by "/".' }
  for (const [, keyword] of text.matchAll(/\{([^{}]*)\}/g)) {
    if (keyword === undefined || lookUpKeyword(keyword) !== undefined) continue
    const suggestion = suggestKeyword(keyword)
    const hint = suggestion === undefined ? '' : ` Did you mean ${suggestion}?`
    return { problem: `${keyword} is not a DICOM keyword.${hint}` }
  }
  if (/[{}]/.test(text.replace(/\{[^{}]*\}/g, ''))) return { problem: 'A brace of the layout has no partner.' }
  if (!text.includes('{SOPInstanceUID}'))
    return { problem: 'Instances would overwrite each other; put {SOPInstanceUID} into the layout.' }
  return text
}
