import { z } from 'zod'
import type { Arguments } from './decision.ts'
import type { Name, NameScope } from './name.ts'
import type { Place } from './place.ts'
import { compileTemplate, fill, namesIn, type Template, type TemplateSource } from './template.ts'

/** A `with:`: what a destination or a service is told, as templates. */
export type ArgumentTemplates = ReadonlyMap<string, Template>

export const argumentsSchema = z.record(z.string(), z.string())

const ARGUMENT = /^[a-z][a-z0-9_]{0,62}$/

/** The templates at a place; what is wrong in them is reported and left out. */
export function compileArguments(place: Place, scope: NameScope): ArgumentTemplates {
  const templates = new Map<string, Template>()
  if (place.value === undefined || place.read(argumentsSchema) === undefined) return templates
  for (const [name, inner] of place.entries()) {
    if (!ARGUMENT.test(name))
      inner.reportKey(`${name} cannot name an argument: small letters, digits and underscores, a letter first.`)
    const template = compileTemplate(inner, scope)
    if (template !== undefined) templates.set(name, template)
  }
  return templates
}

export const namesInArguments = (templates: ArgumentTemplates): readonly Name[] =>
  [...templates.values()].flatMap((template) => namesIn(template))

/** The arguments filled in; those without a value are named in `empty`. Or the reason why they cannot be. */
export function fillArguments(
  templates: ArgumentTemplates,
  source: TemplateSource,
): { readonly arguments: Arguments; readonly empty: readonly string[] } | { readonly hold: string } {
  if (templates.size === 0) return NOTHING
  const filled: Record<string, string> = {}
  const empty: string[] = []
  for (const [name, template] of templates) {
    const value = fill(template, source)
    if (value === undefined) empty.push(name)
    else if ('hold' in value) return value
    else filled[name] = value.text
  }
  return { arguments: filled, empty }
}

const NOTHING = { arguments: {}, empty: [] }
