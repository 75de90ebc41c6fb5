import { type Tag, tagOf } from './attribute-path.ts'
import { isNul } from './byte-order.ts'
import { itemsToMake, type Level, levelOfItem, makes, type PlannedElement, uneditable } from './edit-plan.ts'
import { closeItem, closeSequence, elementHeader, openItem, withUndefinedLength } from './element-writer.ts'
import { IMPLICIT_ENCODING } from './head-reader.ts'
import type { SliceOutput } from './slice-output.ts'
import type { ElementEncoding, ElementHead, WalkHandler } from './walk-handler.ts'

const LENGTH_TO_END = tagOf(0x0008, 0x0001)

/** Nothing in here changes: all of it is copied, or all of it is left out. */
interface WholeScope {
  readonly kind: 'copied' | 'dropped'
}

/** The data set itself or an item, in which elements change. */
interface LevelScope {
  readonly kind: 'level'
  readonly level: Level
  readonly encoding: ElementEncoding
  /** The first planned element whose place has not come. */
  next: number
  readonly made: Set<Tag>
}

/** A sequence in whose items elements change. */
interface SequenceScope {
  readonly kind: 'sequence'
  readonly planned: PlannedElement
  readonly encoding: ElementEncoding
  items: number
}

type Scope = WholeScope | LevelScope | SequenceScope

const COPIED: WholeScope = { kind: 'copied' }
const DROPPED: WholeScope = { kind: 'dropped' }

/**
 * Splices planned edits into a data set as it is walked. What is not planned is copied byte for byte. Sequences and items
 * around an edit get undefined lengths, so that nothing is held back to be counted; group lengths of changed groups, which
 * are retired (PS3.5 7.2), are dropped.
 */
export class Editor implements WalkHandler {
  readonly #output: SliceOutput
  readonly #open: Scope[]
  /** How the level being read is written; the walker knows. */
  readonly #encoding: () => ElementEncoding
  #drops = false

  constructor(plan: Level, output: SliceOutput, encoding: () => ElementEncoding) {
    this.#output = output
    this.#encoding = encoding
    this.#open = [{ kind: 'level', level: plan, encoding: IMPLICIT_ENCODING, next: 0, made: new Set() }]
  }

  element(head: ElementHead): void {
    const scope = this.#current()
    if (scope.kind !== 'level') {
      this.#pass(head, scope.kind === 'dropped')
      return
    }
    const first = this.#advance(scope, head.tag)
    const planned = first ?? scope.level.find(({ tag }) => tag === head.tag)
    if (planned === undefined) {
      this.#pass(head, countsBytes(head.tag, scope.level))
      return
    }
    switch (planned.action) {
      case 'set':
        // Only the first of several elements of one tag is replaced; the others, which should not be there, go.
        if (first !== undefined) this.#write(planned, this.#encoding())
        this.#pass(head, true)
        break
      case 'remove':
        this.#pass(head, true)
        break
      case 'enter':
        this.#enter(scope, head, planned)
        break
      default:
        planned.action satisfies never
    }
  }

  value(bytes: Uint8Array, start: number, end: number): void {
    if (!this.#drops) this.#output.copy(bytes, start, end)
  }

  valueEnd(): void {
    this.#drops = false
  }

  item(head: ElementHead): void {
    const scope = this.#current()
    const level = scope.kind === 'sequence' ? levelOfItem(scope.planned, scope.items++) : undefined
    if (level === undefined) {
      const isDropped = scope.kind === 'dropped'
      if (!isDropped) this.#output.copy(head.raw, head.start, head.end)
      this.#open.push(isDropped ? DROPPED : COPIED)
      return
    }
    this.#output.write(withUndefinedLength(head))
    this.#open.push({ kind: 'level', level, encoding: this.#encoding(), next: 0, made: new Set() })
  }

  itemEnd(head: ElementHead | undefined): void {
    const scope = this.#open.pop()
    if (scope?.kind === 'level') {
      this.#makeRest(scope, scope.encoding)
      this.#output.write(closeItem(scope.encoding))
    } else this.#copyDelimiter(scope, head)
  }

  fragment(head: ElementHead): void {
    this.#drops = this.#current().kind === 'dropped'
    if (!this.#drops) this.#output.copy(head.raw, head.start, head.end)
  }

  sequenceEnd(head: ElementHead | undefined): void {
    const scope = this.#open.pop()
    if (scope?.kind === 'sequence') {
      for (const level of itemsToMake(scope.planned, scope.items)) this.#writeItem(level, scope.encoding)
      this.#output.write(closeSequence(scope.encoding))
    } else this.#copyDelimiter(scope, head)
  }

  stray(bytes: Uint8Array, start: number, end: number): void {
    const scope = this.#current()
    if (scope.kind === 'sequence') throw uneditable('a sequence holds what is no item')
    // NULs behind the data set: what is still to be put in stands before them.
    if (this.#open.length === 1 && isNul(bytes, start, end)) this.finish()
    // A stray delimiter in an item that had a length would now end it.
    if (scope.kind === 'copied' || this.#open.length === 1) this.#output.copy(bytes, start, end)
  }

  /** The data set was read to its end. */
  finish(): void {
    const [top] = this.#open
    if (top?.kind === 'level') this.#makeRest(top, this.#encoding())
  }

  /**
   * Whether what the walk could not read may be copied as it is: nothing is open that changes, nothing is left to be put in,
   * and what is to be removed cannot stand there. A data set cut within its pixel data can still be edited.
   *
   * @param isEnd nothing follows
   */
  isDone(isEnd: boolean): boolean {
    const [top, ...inner] = this.#open
    const isWhole = inner.every(({ kind }) => kind === 'copied') && !this.#drops
    return isWhole && top?.kind === 'level' && !top.level.slice(top.next).some((planned) => !isEnd || makes(planned))
  }

  #current(): Scope {
    return this.#open.at(-1) ?? COPIED
  }

  #pass(head: ElementHead, isDropped: boolean): void {
    this.#drops = isDropped
    if (!isDropped) this.#output.copy(head.raw, head.start, head.end)
    if (head.content !== 'value') this.#open.push(isDropped ? DROPPED : COPIED)
  }

  /** Puts in what stands before the tag; says what is planned for it when it comes the first time. */
  #advance(scope: LevelScope, tag: Tag): PlannedElement | undefined {
    for (let planned = scope.level[scope.next]; planned !== undefined; planned = scope.level[scope.next]) {
      if (planned.tag > tag) return undefined
      scope.next++
      if (planned.tag === tag) return planned
      this.#make(scope, planned, this.#encoding())
    }
    return undefined
  }

  #makeRest(scope: LevelScope, encoding: ElementEncoding): void {
    for (const planned of scope.level.slice(scope.next)) this.#make(scope, planned, encoding)
    scope.next = scope.level.length
  }

  #make(scope: LevelScope, planned: PlannedElement, encoding: ElementEncoding): void {
    if (!makes(planned)) return
    scope.made.add(planned.tag)
    this.#write(planned, encoding)
  }

  #enter(scope: LevelScope, head: ElementHead, planned: PlannedElement): void {
    if (head.content !== 'sequence') throw uneditable('an edit goes into an element that is no sequence')
    if (scope.made.has(head.tag)) throw uneditable('its elements are out of order')
    this.#drops = false
    this.#output.write(withUndefinedLength(head))
    const encoding = head.vr === 'UN' ? IMPLICIT_ENCODING : head.encoding
    this.#open.push({ kind: 'sequence', planned, encoding, items: 0 })
  }

  #write(planned: PlannedElement, encoding: ElementEncoding): void {
    if (planned.action === 'set' && planned.items.size === 0) {
      this.#output.write(elementHeader(planned.tag, planned.vr, planned.value.length, encoding))
      this.#output.write(planned.value)
      return
    }
    this.#output.write(elementHeader(planned.tag, 'SQ', -1, encoding))
    for (const level of itemsToMake(planned, 0)) this.#writeItem(level, encoding)
    this.#output.write(closeSequence(encoding))
  }

  #writeItem(level: Level, encoding: ElementEncoding): void {
    this.#output.write(openItem(encoding))
    for (const planned of level) {
      if (makes(planned)) this.#write(planned, encoding)
    }
    this.#output.write(closeItem(encoding))
  }

  #copyDelimiter(scope: Scope | undefined, head: ElementHead | undefined): void {
    if (scope?.kind === 'copied' && head !== undefined) this.#output.copy(head.raw, head.start, head.end)
    this.#drops = false
  }
}

/** Whether the element says how many bytes follow, some of which change. */
function countsBytes(tag: Tag, level: Level): boolean {
  if (tag === LENGTH_TO_END) return true
  return (tag & 0xffff) === 0 && level.some((planned) => planned.tag >>> 16 === tag >>> 16)
}
