import type { AttributeChange } from '../dicom/resolved-edit.ts'

/** A rule that was asked, as an explanation shows it. */
export interface ExplainedStep {
  readonly name: string
  /** 0 at the top. */
  readonly depth: number
  readonly matched: boolean
  /** In the words of the rule; empty where it matches everything. */
  readonly because: readonly string[]
  readonly forward: readonly string[]
  /** `service.call` */
  readonly asks: readonly string[]
  readonly notifies: readonly string[]
  readonly stopped: boolean
}

/** What would leave for one destination. */
export interface ExplainedForward {
  readonly destination: string
  readonly changes: readonly Pick<AttributeChange, 'verb' | 'keyword' | 'tag'>[]
  /** `2 of 3 instances`; empty where there is nothing to say. */
  readonly note: string
}

/** Where a rule stands; null where no rule said it. */
export type Said = { readonly name: string; readonly file: string; readonly line: number } | null

export interface ExplainedReason {
  readonly reason: string
  readonly rule: Said
}

/** What the rules would do, and why, whichever way it was learned. */
export interface Explained {
  readonly steps: readonly ExplainedStep[]
  readonly forwards: readonly ExplainedForward[]
  readonly asks: readonly ExplainedReason[]
  readonly waits: readonly ExplainedReason[]
  readonly holds: readonly ExplainedReason[]
  /** In effect: empty where anything wants the instance. */
  readonly discards: readonly ExplainedReason[]
  /** Whether nothing wants it yet, and a rule of the study moment still may. */
  readonly awaitsStudy: boolean
}

/** As the illustration in the rules' documentation: a line a rule, one for each destination, then what keeps it here. */
export function explainedLines(explained: Explained): readonly string[] {
  const lines = explained.steps.flatMap((step) => [stepLine(step), ...forwardLines(step, explained.forwards)])
  const column = Math.max(0, ...lines.map(({ what }) => what.length)) + 3
  return [
    ...lines.map(({ what, why }) => `${what.padEnd(column)}${why}`.trimEnd()),
    ...explained.asks.map((each) => `asks       ${each.reason}, and goes on with the answer${sayRule(each.rule)}`),
    ...explained.waits.map((each) => `waits      ${each.reason}${sayRule(each.rule)}`),
    ...explained.holds.map((each) => `held       ${each.reason}${sayRule(each.rule)}`),
    ...explained.discards.map((each) => `discarded  ${each.reason}${sayRule(each.rule)}`),
    ...(explained.awaitsStudy ? ['waits      for its study: a rule of that moment may want it'] : []),
  ]
}

interface Line {
  readonly what: string
  readonly why: string
}

function stepLine({ matched, depth, name, because, asks, notifies, stopped }: ExplainedStep): Line {
  const calls = [...asks.map((call) => `asks ${call}`), ...notifies.map((call) => `tells ${call}`)]
  const why = [...because, ...(matched ? calls : [])].join('; ')
  return { what: `${matched ? 'yes' : 'no '}  ${'  '.repeat(depth)}${name}`, why: stopped ? `${why}  (stop)` : why }
}

function forwardLines(step: ExplainedStep, forwards: readonly ExplainedForward[]): readonly Line[] {
  return step.forward.map((destination) => {
    const at = forwards.findIndex((forward) => forward.destination === destination)
    const forward = forwards[at]
    const why = forward === undefined ? 'not now, see below' : sayForward(forward, forwards.slice(0, at))
    return { what: `       -> ${destination}`, why }
  })
}

function sayForward(forward: ExplainedForward, before: readonly ExplainedForward[]): string {
  const note = forward.note === '' ? '' : `; ${forward.note}`
  const changes = sayChanges(forward)
  if (changes === '') return `as received${note}`
  const same = before.find((other) => sayChanges(other) === changes)
  return `${same === undefined ? changes : `as ${same.destination}`}${note}`
}

// The verbs and their elements; the values of the file are not repeated on the terminal.
const sayChanges = ({ changes }: ExplainedForward): string =>
  [...new Set(changes.map((change) => `${change.verb} ${change.keyword ?? change.tag}`))].join('; ')

const sayRule = (rule: Said): string => (rule === null ? '' : `   (${rule.name}, ${rule.file}:${rule.line})`)
