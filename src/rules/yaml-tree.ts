import { isAlias, isMap, isScalar, isSeq, type Node, type Pair, visit, type YAMLError, type YAMLMap } from 'yaml'
import type { RuleProblem } from './rule-problem.ts'

/** What a rule file holds once it is read: all scalars are text (RULES.md 1.5), objects have no prototype. */
export type RuleValue = string | readonly RuleValue[] | { readonly [key: string]: RuleValue }

/** Both 1-based. */
export interface Position {
  readonly line: number
  readonly column: number
}

export type RulePath = readonly (string | number)[]

const MAX_ALIASES = 100
const MAX_NODES = 200_000
const MAX_DEPTH = 64

/** Turns the YAML tree of one file into plain values, aliases followed under a cap (a "billion laughs" ends here). */
export class Unfolding {
  readonly problems: RuleProblem[] = []
  readonly #file: string
  readonly #at: (offset: number) => Position
  readonly #anchors = new Map<string, Node>()
  readonly #open = new Set<Node>()
  readonly #reported = new Set<unknown>()
  #aliases = 0
  #nodes = 0
  #gaveUp = false

  constructor(file: string, at: (offset: number) => Position) {
    this.#file = file
    this.#at = at
  }

  read(node: unknown, depth = 0): RuleValue {
    if (this.#gaveUp) return ''
    this.#nodes += 1
    if (this.#nodes > MAX_NODES) return this.#giveUp(node, `The file unfolds to more than ${MAX_NODES} values.`)
    if (depth > MAX_DEPTH) return this.#giveUp(node, `The file is nested more than ${MAX_DEPTH} levels deep.`)
    if (isAlias(node)) return this.#follow(node, depth)
    if (!isScalar(node) && !isMap(node) && !isSeq(node)) return ''
    this.#refuseTag(node)
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, node)
    if (isScalar(node)) return String(node.value ?? '')
    this.#open.add(node)
    const value = isSeq(node) ? node.items.map((item) => this.read(item, depth + 1)) : this.#readMap(node.items, depth)
    this.#open.delete(node)
    return value
  }

  #readMap(pairs: readonly { readonly key: unknown; readonly value: unknown }[], depth: number): RuleValue {
    const value: Record<string, RuleValue> = Object.create(null)
    for (const pair of pairs) {
      if (!isScalar(pair.key)) {
        this.#report(pair.key, 'A key must be plain text.')
        continue
      }
      const key = String(pair.key.value ?? '')
      if (Object.hasOwn(value, key)) this.#report(pair.key, `The key ${key} stands twice here.`)
      else if (key === '__proto__') this.#report(pair.key, '__proto__ cannot be a key.')
      else if (key === '<<') this.#report(pair.key, 'Merge keys (<<) are not read; write the keys out.')
      else value[key] = this.read(pair.value, depth + 1)
    }
    return value
  }

  #follow(alias: Node & { readonly source: string }, depth: number): RuleValue {
    this.#aliases += 1
    if (this.#aliases > MAX_ALIASES) return this.#giveUp(alias, `The file uses aliases more than ${MAX_ALIASES} times.`)
    const node = this.#anchors.get(alias.source)
    if (node !== undefined && !this.#open.has(node)) return this.read(node, depth)
    const why = node === undefined ? 'has no anchor before it' : 'contains itself'
    this.#report(alias, `The alias *${alias.source} ${why}.`)
    return ''
  }

  #refuseTag(node: Node & { tag?: string }): void {
    const tag = node.tag
    if (tag === undefined || ['map', 'seq', 'str'].some((name) => tag === `tag:yaml.org,2002:${name}`)) return
    this.#report(node, `The tag ${tag.replace('tag:yaml.org,2002:', '!!')} is not read; everything here is text.`)
  }

  /** Once of each node: what an alias repeats stands in one place. */
  #report(node: unknown, message: string): void {
    if (this.#reported.has(node)) return
    this.#reported.add(node)
    this.problems.push({ file: this.#file, ...this.#at(offsetOf(node)), message })
  }

  #giveUp(node: unknown, message: string): RuleValue {
    this.#gaveUp = true
    this.#report(node, message)
    return ''
  }
}

/** The pairs of maps by their keys. Each map is looked through once: a long one is asked for every key that it has. */
export class Pairs {
  readonly #known = new WeakMap<YAMLMap, ReadonlyMap<unknown, Pair>>()

  find(map: YAMLMap, key: string | number): Pair | undefined {
    const known = this.#known.get(map) ?? new Map(map.items.map((pair) => [isScalar(pair.key) && pair.key.value, pair]))
    this.#known.set(map, known)
    return known.get(key)
  }
}

/** Where the value, or the key, at `path` stands: the nearest place on the way that exists. */
export function locate(
  root: Node,
  path: RulePath,
  key: boolean,
  at: (offset: number) => Position,
  pairs: Pairs,
): Position {
  let node: unknown = root
  let found = root
  for (const [index, step] of path.entries()) {
    if (isSeq(node)) node = node.items[Number(step)]
    else if (isMap(node)) {
      const pair = pairs.find(node, step)
      const isLast = index === path.length - 1
      // An empty value stands nowhere a person would look: its key does.
      const empty = isScalar(pair?.value) && (pair.value.source ?? '') === '' && pair.value.type === 'PLAIN'
      node = isLast && (key || empty || pair?.value === null) ? pair?.key : pair?.value
    } else break
    if (!isNode(node)) break
    found = node
  }
  return at(offsetOf(found))
}

const isNode = (value: unknown): value is Node => isScalar(value) || isMap(value) || isSeq(value) || isAlias(value)

const offsetOf = (node: unknown): number => (isNode(node) ? (node.range?.[0] ?? 0) : 0)

/** Where a person would look: a text whose quote is missing is noticed at the end of the file, and begins far above. */
export function offsetOfError({ code, pos: [noticed] }: YAMLError, root: Node | null | undefined): number {
  let offset = noticed
  if (code !== 'MISSING_CHAR' || !isNode(root)) return offset
  visit(root, {
    Scalar: (_, { range, type }) => {
      if (range && type?.startsWith('QUOTE_') && range[0] < noticed && range[1] >= noticed) [offset] = range
    },
  })
  return offset
}

/** The parser's words in ours. */
export function sayYamlError(error: YAMLError, text: string): string {
  const found = text.slice(error.pos[0], error.pos[1])
  switch (error.code) {
    case 'TAB_AS_INDENT':
      return 'The line is indented with a tab; YAML takes spaces only.'
    case 'MULTILINE_IMPLICIT_KEY':
      return 'Here a key without a colon, or a text that needs quotes, runs into the next line.'
    case 'BLOCK_AS_IMPLICIT_KEY':
      return 'A second colon on one line: put the text in quotes, or the inner keys on lines of their own.'
    case 'BAD_SCALAR_START':
      return `A text cannot begin with ${found} unless it stands in quotes.`
    case 'BAD_INDENT':
      return `The indentation does not fit, or a bracket is not closed: ${lowerFirst(error.message)}.`
    default:
      return `This is not well-formed YAML: ${lowerFirst(error.message)}.`
  }
}

const lowerFirst = (text: string): string => text.slice(0, 1).toLowerCase() + text.slice(1).replace(/[\s.]+$/, '')
