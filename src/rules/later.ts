/** Words of the rules language that this version refuses, each with what it is for: never taken for a typing mistake. */
const LATER: Readonly<Record<string, string>> = {
  satusehat: 'the destination kind satusehat',
  failover: 'failover',
  commit: 'storage commitment',
}

/** The sentence for a word that belongs to a later version; undefined for any other. */
export function laterWord(word: string): string | undefined {
  const what = Object.hasOwn(LATER, word) ? LATER[word] : undefined
  if (what === undefined) return undefined
  return what === word ? `This version does not have ${word} yet.` : `This version does not have ${what} yet (${word}).`
}
