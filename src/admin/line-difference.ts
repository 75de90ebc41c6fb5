/** What became of one line. */
interface Edit {
  readonly kind: 'same' | 'removed' | 'added'
  readonly line: string
}

export interface LineDifference {
  readonly added: number
  readonly removed: number
  /** Hunks as `diff -u` writes them, without the two lines that name the files. Empty when nothing differs. */
  readonly unified: string
}

const CONTEXT = 3

/**
 * The lines that differ between two texts. By patience: lines that stand once in both are the anchors, in the longest order
 * that they share; what lies between them is compared the same way, and without anchors counts as replaced. So the cost
 * stays near that of sorting the lines, whatever the texts are.
 */
export function differLines(from: string, to: string): LineDifference {
  const edits: Edit[] = []
  compare(linesOf(from), linesOf(to), edits)
  return {
    added: edits.filter(({ kind }) => kind === 'added').length,
    removed: edits.filter(({ kind }) => kind === 'removed').length,
    unified: unified(edits),
  }
}

const NO_END = '\n\\ No newline at end of file'

/** The last line tells that it has no end, or a text that only gained one would look unchanged. */
function linesOf(text: string): readonly string[] {
  if (text === '') return []
  const lines = text.split('\n')
  const last = lines.pop()
  return last === '' || last === undefined ? lines : [...lines, `${last}${NO_END}`]
}

type Lines = readonly string[]

function compare(from: Lines, to: Lines, edits: Edit[]): void {
  // A stack instead of recursion: a hostile text must not nest as deep as it has lines.
  const work: ((() => void) | readonly [Lines, Lines])[] = [[from, to]]
  for (let next = work.pop(); next !== undefined; next = work.pop()) {
    if (typeof next === 'function') next()
    else for (const part of split(next[0], next[1], edits).reverse()) work.push(part)
  }
}

/** What both begin and end with, and between that the stretches between the anchors, in order. */
function split(from: Lines, to: Lines, edits: Edit[]): ((() => void) | readonly [Lines, Lines])[] {
  const shorter = Math.min(from.length, to.length)
  let head = 0
  while (head < shorter && from[head] === to[head]) head += 1
  let tail = 0
  while (tail < shorter - head && from.at(-1 - tail) === to.at(-1 - tail)) tail += 1
  const [a, b] = [from.slice(head, from.length - tail), to.slice(head, to.length - tail)]
  const write = (kind: Edit['kind'], lines: Lines) => (): void => {
    for (const line of lines) edits.push({ kind, line })
  }
  const anchors = a.length === 0 || b.length === 0 ? [] : anchorsOf(a, b)
  const between: ((() => void) | readonly [Lines, Lines])[] = []
  if (anchors.length === 0) between.push(write('removed', a), write('added', b))
  let [fromAt, toAt] = [0, 0]
  for (const [inFrom, inTo] of anchors) {
    between.push([a.slice(fromAt, inFrom), b.slice(toAt, inTo)], write('same', a.slice(inFrom, inFrom + 1)))
    ;[fromAt, toAt] = [inFrom + 1, inTo + 1]
  }
  if (anchors.length > 0) between.push([a.slice(fromAt), b.slice(toAt)])
  return [write('same', from.slice(0, head)), ...between, write('same', from.slice(from.length - tail))]
}

type Pair = readonly [inFrom: number, inTo: number]

/** The lines that stand exactly once in both, as far as their order is the same in both. */
function anchorsOf(from: Lines, to: Lines): readonly Pair[] {
  const inTo = onceIn(to)
  const pairs = [...onceIn(from)].flatMap(([line, at]): readonly Pair[] => {
    const other = inTo.get(line)
    return other === undefined ? [] : [[at, other]]
  })
  return longestRising(pairs)
}

function onceIn(lines: Lines): ReadonlyMap<string, number> {
  const at = new Map<string, number>()
  const twice = new Set<string>()
  for (const [index, line] of lines.entries()) {
    if (at.has(line)) twice.add(line)
    at.set(line, index)
  }
  for (const line of twice) at.delete(line)
  return new Map([...at].sort(([, a], [, b]) => a - b))
}

interface Pile {
  readonly pair: Pair
  readonly below: Pile | undefined
}

/** The longest subsequence that rises in its second place, by patience sorting. */
function longestRising(pairs: readonly Pair[]): readonly Pair[] {
  const tops: Pile[] = []
  for (const pair of pairs) {
    let [low, high] = [0, tops.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((tops[middle]?.pair[1] ?? 0) < pair[1]) low = middle + 1
      else high = middle
    }
    tops[low] = { pair, below: tops[low - 1] }
  }
  const rising: Pair[] = []
  for (let pile = tops.at(-1); pile !== undefined; pile = pile.below) rising.push(pile.pair)
  return rising.reverse()
}

const SIGNS = { same: ' ', removed: '-', added: '+' } as const

function unified(edits: readonly Edit[]): string {
  const hunks: string[] = []
  let [from, to, at] = [0, 0, 0]
  for (const [begin, end] of stretches(edits)) {
    for (; at < begin; at += 1, from += 1, to += 1);
    const hunk = edits.slice(begin, end)
    const removed = hunk.filter(({ kind }) => kind !== 'added').length
    const added = hunk.filter(({ kind }) => kind !== 'removed').length
    hunks.push(`@@ -${place(from, removed)} +${place(to, added)} @@`)
    hunks.push(hunk.map(({ kind, line }) => `${SIGNS[kind]}${line}`).join('\n'))
    ;[from, to, at] = [from + removed, to + added, end]
  }
  return hunks.length === 0 ? '' : `${hunks.join('\n')}\n`
}

// A stretch of one line is only named, an empty one by the line before it.
const place = (before: number, count: number): string =>
  count === 1 ? `${before + 1}` : `${count === 0 ? before : before + 1},${count}`

/** Where the hunks begin and end among the edits: changes with their context, those that touch as one. */
function stretches(edits: readonly Edit[]): readonly (readonly [number, number])[] {
  const found: [number, number][] = []
  for (const [index, { kind }] of edits.entries()) {
    if (kind === 'same') continue
    const last = found.at(-1)
    const [begin, end] = [Math.max(0, index - CONTEXT), Math.min(edits.length, index + CONTEXT + 1)]
    if (last !== undefined && begin <= last[1]) last[1] = end
    else found.push([begin, end])
  }
  return found
}
