import type { PathStep } from '../dicom/attribute-path.ts'
import { variablesIn } from './environment.ts'
import { type AttributeName, type Name, type NameScope, parseName } from './name.ts'
import type { Place } from './place.ts'

/** RULES.md 2: text with `{NAME}`; `{{` and `}}` are braces. */
export type Template = readonly (string | Name)[]

/** What a template gives: text; nothing, when an attribute has no value (its verb is skipped); or a reason to hold. */
export type Filled = { readonly text: string } | { readonly hold: string } | undefined

const PARTS = /\{\{|\}\}|\{([^{}]*)\}|[{}]|[^{}]+/g

/** The template at a place, or undefined after reporting what is wrong with it. */
export function compileTemplate(place: Place, scope: NameScope): Template | undefined {
  const parts: (string | Name)[] = []
  // Refused where the whole file is looked through; not to be taken for a template with a dollar before it.
  if (variablesIn(place.text() ?? '').length > 0) return undefined
  for (const match of (place.text() ?? '').matchAll(PARTS)) {
    const [part, inside] = match
    if (part === '{{' || part === '}}') parts.push(part.slice(1))
    else if (part === '{' || part === '}')
      return place.report('A brace has no partner; a brace itself is written twice.')
    else if (inside === undefined) parts.push(part)
    else {
      const name = parseName(inside.trim(), scope)
      if ('problem' in name) return place.report(name.problem)
      if (name.kind === 'attribute' && UNWRITABLE.has(name.vr) && !name.isPrivate) {
        return place.report(`${name.text} is ${name.vr}; it has no text to put here.`)
      }
      parts.push(name)
    }
  }
  return parts
}

const UNWRITABLE: ReadonlySet<string> = new Set(['SQ', 'OB', 'OD', 'OF', 'OL', 'OV', 'OW', 'UN'])

/** The names in a template. */
export const namesIn = (template: Template): readonly Name[] => template.filter((part) => typeof part !== 'string')

/** The template's text when nothing of it comes from the instance. */
export const literalOf = (template: Template): string | undefined =>
  template.every((part) => typeof part === 'string') ? template.join('') : undefined

/** How many characters it has at least, whatever the instance says. */
export const leastLength = (template: Template): number =>
  template.reduce((sum, part) => sum + (typeof part === 'string' ? part.length : 0), 0)

/** Where a template's values come from: a working copy, or a whole study. */
export interface TemplateSource {
  /** The values as rules compare them. */
  comparables(name: Name): readonly string[]
}

/**
 * A name as it is meant where a verb writes: of sequences that both go through without a number, the same item.
 */
export function alongside(name: AttributeName, place: AttributeName): AttributeName {
  const path: PathStep[] = []
  let together = true
  for (const [index, step] of name.path.entries()) {
    const other = place.path[index]
    together &&= other?.tag === step.tag && step.item === 'every' && typeof other.item === 'number'
    path.push(together && other !== undefined ? other : step)
  }
  return { ...name, path }
}

/** Fills the template, for a verb that writes at a place. */
export function fill(template: Template, source: TemplateSource, at?: AttributeName): Filled {
  let text = ''
  for (const part of template) {
    if (typeof part === 'string') {
      text += part
      continue
    }
    const name = part.kind === 'attribute' && at !== undefined ? alongside(part, at) : part
    const values = new Set(source.comparables(name).filter((value) => value !== ''))
    if (values.size > 1) return { hold: `${part.text} has several different values` }
    const [value] = values
    // The rule was written for an answer that says it (RULES.md 3.6).
    if (value === undefined && part.kind === 'answer') return { hold: `${part.text} has no value` }
    if (value === undefined) return undefined
    if (value.includes('\\')) return { hold: `the value of ${part.text} contains a backslash` }
    text += value
  }
  return { text }
}
