import { isRuleList, isRuleMap } from './place.ts'
import type { RuleValue } from './yaml-tree.ts'

/** The environment as the process was given it. Handed in: this room reads nothing by itself. */
export type Environment = Readonly<Record<string, string | undefined>>

// ${NAME} as a shell writes it; a template is {Name} without the dollar.
const VARIABLE = /\$\{([A-Z_][A-Z0-9_]*)\}/g

/** The names of the variables a text asks for. */
export const variablesIn = (text: string): readonly string[] =>
  [...text.matchAll(VARIABLE)].flatMap((match) => (match[1] === undefined ? [] : [match[1]]))

/** The value with every `${NAME}` put in, and the names that are not set (or empty), each once. */
export function putEnvironment(
  value: RuleValue,
  environment: Environment,
): { readonly value: RuleValue; readonly unset: readonly string[] } {
  const unset = new Set<string>()
  const put = (inner: RuleValue): RuleValue => {
    if (isRuleList(inner)) return inner.map(put)
    if (isRuleMap(inner)) {
      const copy: Record<string, RuleValue> = Object.create(null)
      for (const key of Object.keys(inner)) copy[key] = put(inner[key] ?? '')
      return copy
    }
    return inner.replace(VARIABLE, (whole, name: string) => {
      const text = Object.hasOwn(environment, name) ? environment[name] : undefined
      if (text !== undefined && text !== '') return text
      unset.add(name)
      return whole
    })
  }
  return { value: put(value), unset: [...unset] }
}
