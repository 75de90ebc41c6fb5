import { isPrivate } from '../dicom/dictionary.ts'
import type { Draft, Look } from './draft.ts'
import type { ViewedElement } from './facts.ts'
import { nameOfPath } from './path-text.ts'
import { isOfStandard } from './uid-verb.ts'

/**
 * What a verb that must see all of the header could not look into, as the end of a reason; what the rewrite takes out
 * does not matter. Undefined when everything was seen.
 */
export function unseen(draft: Draft): string | undefined {
  if (draft.looks.size === 0) return undefined
  for (const element of draft.facts.header.walk()) {
    for (const look of draft.looks) {
      if (hides(element, look) && !draft.isGone(element.path)) return sayClosed(element, WHAT[look])
    }
  }
  return undefined
}

const WHAT: Readonly<Record<Look, string>> = { uid: 'UIDs', private: 'private elements' }

function hides(element: ViewedElement, look: Look): boolean {
  const { path, vr, closed } = element
  const tag = path.at(-1)?.tag
  // What is private itself is taken out whole, or was not meant.
  if (tag === undefined || (look === 'private' && isPrivate(tag))) return false
  // A UI value beyond what is kept is a list of thousands.
  if (closed === undefined) return look === 'uid' && vr === 'UI' && element.values() === undefined
  const inside = element.inside()
  return inside === undefined || [...inside].some((inner) => isMeant(inner, look) || hides(inner, look))
}

function isMeant({ path, vr, values }: ViewedElement, look: Look): boolean {
  const tag = path.at(-1)?.tag
  if (look === 'private') return tag !== undefined && isPrivate(tag)
  return vr === 'UI' && values()?.every(isOfStandard) !== true
}

/** Why an element cannot be done justice to, and what helps. */
export function sayClosed({ path, closed }: ViewedElement, what: string): string {
  const why = closed === 'UN' ? 'came as UN of a known length' : 'is too large'
  return `${nameOfPath(path)} ${why}, so ${what} in it cannot be changed; a rewrite may remove it`
}
