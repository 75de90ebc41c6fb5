import type { CallTemplate } from '../http/declared-call.ts'

const PARTS = /\{\{|\}\}|\$\{[A-Z_][A-Z0-9_]*\}|\{([^{}]*)\}|[{}]|[^{}$]+|\$/g
const ARGUMENT = /^[a-z][a-z0-9_]{0,62}$/

/**
 * Text of a call with `{argument}`; `{{` and `}}` are braces. A variable that is not set stays as it is written: its
 * service is not asked anything.
 */
export function readCallTemplate(text: string): CallTemplate | { readonly problem: string } {
  const parts: (string | { readonly argument: string })[] = []
  for (const [part, inside] of text.matchAll(PARTS)) {
    if (part === '{' || part === '}') return { problem: 'A brace has no partner; a brace itself is written twice.' }
    if (inside !== undefined) {
      const argument = inside.trim()
      if (!ARGUMENT.test(argument)) return { problem: sayNotAnArgument(argument) }
      parts.push({ argument })
      continue
    }
    const literal = part === '{{' || part === '}}' ? part.slice(1) : part
    const before = parts.at(-1)
    if (typeof before === 'string') parts[parts.length - 1] = before + literal
    else parts.push(literal)
  }
  return parts
}

const sayNotAnArgument = (name: string): string =>
  /^[A-Z(]/.test(name)
    ? `A call knows no attributes; name an argument in small letters here, and give it ${name} under with: in the rule.`
    : `${name || 'Nothing'} cannot name an argument: small letters, digits and underscores, a letter first.`

export const argumentsIn = (template: CallTemplate): readonly string[] =>
  template.flatMap((part) => (typeof part === 'string' ? [] : [part.argument]))

/** The text that does not come from arguments. */
export const literalsIn = (template: CallTemplate): readonly string[] =>
  template.filter((part) => typeof part === 'string')
