/** The known word nearest to what was written, when it is near enough to be what was meant. */
export function nearest(written: string, known: Iterable<string>): string | undefined {
  const limit = Math.max(1, Math.floor(written.length / 3))
  let best: { readonly word: string; readonly distance: number } | undefined
  for (const word of known) {
    if (Math.abs(word.length - written.length) > limit) continue
    const distance = editDistance(written.toLowerCase(), word.toLowerCase())
    if (distance <= limit && (best === undefined || distance < best.distance)) best = { word, distance }
  }
  return best?.word
}

/** ` Did you mean X?` or nothing. */
export function didYouMean(written: string, known: Iterable<string>): string {
  const word = nearest(written, known)
  return word === undefined ? '' : ` Did you mean ${word}?`
}

/** Optimal string alignment: insert, delete, change, or swap two neighbours. */
function editDistance(a: string, b: string): number {
  let before: readonly number[] = []
  let above: readonly number[] = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = (above[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const swap = swapped ? (before[j - 2] ?? 0) + 1 : change
      row.push(Math.min((above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, change, swap))
    }
    before = above
    above = row
  }
  return above[b.length] ?? 0
}
