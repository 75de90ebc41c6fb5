/**
 * The text without any of these characters at its end, in one pass. A pattern that ends in `$` begins anew at each of them
 * wherever they stand, which for a long value is seconds.
 */
export function trimEnd(text: string, characters: string): string {
  let end = text.length
  while (end > 0 && characters.includes(text.charAt(end - 1))) end--
  return end === text.length ? text : text.slice(0, end)
}

/** Without the spaces or NULs that pad a value to an even length (PS3.5 6.2). */
export const unpadEnd = (text: string): string => trimEnd(text, ' \0')
