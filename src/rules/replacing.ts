import { MOST_STEPS, type Pattern, SHORT_VALUE, stepsOf } from './pattern.ts'

/** What stands in place of a match: text, or a group of the pattern by its number. */
export type ReplacementPart = string | number

/**
 * The value with everything that the pattern finds replaced; undefined when looking could take too long. A pattern that
 * repeats without a limit may look through the rest of the value for each of its matches; any other looks at the value once.
 */
export function replaceAll(value: string, pattern: Pattern, parts: readonly ReplacementPart[]): string | undefined {
  const steps = stepsOf(pattern)
  const isEndless = ENDLESS.test(pattern.pattern())
  let left = MOST_STEPS - (isEndless || value.length <= SHORT_VALUE ? 0 : steps * value.length)
  if (left < 0) return undefined
  const matcher = pattern.matcher(value)
  let result = ''
  let end = 0
  for (;;) {
    if (isEndless) left -= steps * (value.length - end)
    if (left < 0) return undefined
    if (!matcher.find()) return result + value.slice(end)
    result += value.slice(end, matcher.start())
    for (const part of parts) result += typeof part === 'string' ? part : (matcher.group(part) ?? '')
    end = matcher.end()
  }
}

const ENDLESS = /[*+]|\{\d+,\}/
