import { KurirError } from '../base/failure.ts'
import type { PathStep, Tag } from './attribute-path.ts'
import type { ResolvedEdit } from './resolved-edit.ts'

/** What becomes of one element of a level. */
export interface PlannedElement {
  readonly tag: Tag
  readonly action: 'set' | 'remove' | 'enter'
  /** For `set`. */
  readonly vr: string
  readonly value: Uint8Array
  /** For `enter`: what is planned within the sequence's items. For `set`: of a sequence that is written anew, its items. */
  readonly items: ReadonlyMap<number | 'every', Level>
}

/** What is planned for the data set's own elements, or for those of an item: in the order of their tags. */
export type Level = readonly PlannedElement[]

const NOTHING = { vr: '', value: new Uint8Array(0) } as const satisfies Pick<PlannedElement, 'vr' | 'value'>

/** A step of a path with what is left of the edit behind it. */
interface Pending {
  readonly edit: ResolvedEdit
  readonly depth: number
}

/**
 * The edits as a tree of levels. Of two edits of one element the later one wins; an edit of a whole element wins over
 * edits within it. A path that ends in an item makes that item. Only a sequence that is set without a value, and has edits within it, is written anew with those.
 *
 * @throws KurirError `invalid-argument` for an empty path
 */
export function planEdits(edits: readonly ResolvedEdit[]): Level {
  return planLevel(edits.map((edit) => ({ edit, depth: 0 })))
}

function planLevel(pending: readonly Pending[]): Level {
  const byTag = Map.groupBy(pending, ({ edit, depth }) => stepAt(edit, depth).tag)
  return [...byTag].map(([tag, group]) => planElement(tag, group)).sort((a, b) => a.tag - b.tag)
}

function planElement(tag: Tag, group: readonly Pending[]): PlannedElement {
  const whole = group.findLast(({ edit, depth }) => edit.path.length === depth + 1 && isElement(edit, depth))?.edit
  if (whole?.verb === 'remove') return { tag, action: 'remove', ...NOTHING, items: new Map() }
  const isRenewed = whole?.verb === 'set' && whole.vr === 'SQ' && whole.value.length === 0
  if (whole?.verb === 'set' && !isRenewed)
    return { tag, action: 'set', vr: whole.vr, value: whole.value, items: new Map() }
  const items = planItems(group.filter(({ edit, depth }) => edit.path.length > depth + 1 || !isElement(edit, depth)))
  return { tag, action: isRenewed ? 'set' : 'enter', ...NOTHING, vr: 'SQ', items }
}

function planItems(group: readonly Pending[]): ReadonlyMap<number | 'every', Level> {
  const byItem = Map.groupBy(group, ({ edit, depth }) => stepAt(edit, depth).item ?? 'every')
  return new Map([...byItem].map(([item, some]) => [item, planLevel(some.map(deepen).filter(hasMore))] as const))
}

/** A path that ends in an item means that the item is there, with whatever else is said of it. */
const isElement = (edit: ResolvedEdit, depth: number): boolean => stepAt(edit, depth).item === undefined

const hasMore = ({ edit, depth }: Pending): boolean => depth < edit.path.length

const deepen = ({ edit, depth }: Pending): Pending => ({ edit, depth: depth + 1 })

function stepAt(edit: ResolvedEdit, depth: number): PathStep {
  const step = edit.path[depth]
  if (step === undefined) throw new KurirError('invalid-argument', 'permanent', 'an edit without a path')
  return step
}

/** What is planned for one item; undefined when nothing is. An edit of the very item wins over one of every item. */
export function levelOfItem(element: PlannedElement, item: number): Level | undefined {
  const own = element.items.get(item)
  const every = element.items.get('every')
  if (own === undefined || every === undefined) return own ?? every
  const merged = new Map(every.map((planned) => [planned.tag, planned]))
  for (const planned of own) merged.set(planned.tag, planned)
  return [...merged.values()].sort((a, b) => a.tag - b.tag)
}

/** Whether the element stands there afterwards even if it did not before. */
export function makes(planned: PlannedElement): boolean {
  return planned.action === 'set' || (planned.action === 'enter' && itemsToMake(planned, 0).length > 0)
}

/**
 * The levels of new items behind the last one that there is.
 *
 * @throws KurirError `invalid-dataset` where one is to stand further behind: nothing is left out in silence
 */
export function itemsToMake(planned: PlannedElement, count: number): readonly Level[] {
  const levels: Level[] = []
  for (let item = count; ; item++) {
    const level = planned.items.get(item)
    if (level === undefined || !isMade(level)) break
    levels.push(level)
  }
  for (const [item, level] of planned.items) {
    if (item !== 'every' && item > count + levels.length && isMade(level))
      throw uneditable('an item would leave a gap in its sequence')
  }
  return levels
}

// An item of which nothing is said is to be there without anything.
const isMade = (level: Level): boolean => level.length === 0 || level.some(makes)

/** An edit that the data set's form does not allow. Never holds a value. */
export const uneditable = (why: string): KurirError =>
  new KurirError('invalid-dataset', 'permanent', `the data set cannot be edited: ${why}`)
