import { RE2JS, RE2JSException } from 're2js'

/** A pattern with RE2's semantics: matching takes time linear in the value, whatever either of them is. */
export type Pattern = RE2JS

const MAX_PATTERN_LENGTH = 1_000
// Time grows with instructions times characters, so a pattern as well as what it is matched with have their limits.
const MAX_PROGRAM = 300

/** The compiled pattern, or in a sentence why it does not compile. */
export function compilePattern(text: string): Pattern | { readonly problem: string } {
  if (text.length > MAX_PATTERN_LENGTH)
    return { problem: `The pattern is ${text.length} characters; ${MAX_PATTERN_LENGTH} is the most.` }
  try {
    const pattern = RE2JS.compile(text)
    if (pattern.programSize() <= MAX_PROGRAM) return pattern
    return { problem: `The pattern ${text} is too large once its repetitions are written out.` }
  } catch (error) {
    const why =
      error instanceof RE2JSException ? error.message.replace(/^error parsing regexp: /, '') : 'it is malformed'
    const hint = /\(\?(?:<?[=!])/.test(text) ? ' (RE2 has no look-ahead or look-behind)' : ''
    return { problem: `The pattern ${text} does not compile: ${why}${hint}.` }
  }
}

export const isPattern = (value: Pattern | { readonly problem: string }): value is Pattern => !('problem' in value)

/** What looks for a few words somewhere: one step a character, however many words there are. */
const WORDS =
  /^(?:\(\?[is]+\))?(?:\.\*)?\(?(?:\?:)?[\p{L}\p{N} _^/,:;@#=&%-]+(?:\|[\p{L}\p{N} _^/,:;@#=&%-]+)*\)?(?:\.\*)?$/u

/** How many steps matching takes for a character at worst. */
export const stepsOf = (pattern: Pattern): number => (WORDS.test(pattern.pattern()) ? 1 : pattern.programSize())

/**
 * The most steps that all patterns of one decision may take over long values: 30 ms at the 50 ns that a step takes at
 * worst. What would need more is held, and the event loop stays free.
 */
export const MOST_STEPS = 600_000

/** Values up to this long, in characters, count for nothing: no VR but text without a limit has longer ones. */
export const SHORT_VALUE = 1_024
