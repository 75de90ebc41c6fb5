import type { Change, Sample, ShadowReport } from '../report/shadow-report.ts'

/** A replay's report as a person reads it: a table a subject, then examples by our own ids. */
export function shadowLines(report: ShadowReport): readonly string[] {
  const { destinations, rules, held, discarded, waiting, reasons } = report
  const ends = [
    { name: 'held', ...held },
    { name: 'discarded', ...discarded },
    { name: 'waiting for an answer', ...waiting },
  ]
  const width = Math.max(...[...destinations, ...rules, ...ends].map(({ name }) => name.length)) + 2
  return [
    ...heading(report),
    '',
    ...table('destination', destinations, width),
    '',
    ...table('rule', rules, width),
    '',
    ...table('or', ends, width),
    ...reasons.flatMap((each) => (differs(each) ? [`held: ${each.reason}   ${numbers(each)}`] : [])),
    ...examples(report),
  ]
}

function heading({ instances, studies, unchanged, leftOut, against, since }: ShadowReport): readonly string[] {
  const than = against === null ? 'what was decided then' : `the rules in force (${against.slice(0, 12)})`
  const out = Object.entries(leftOut).filter(([, count]) => count > 0)
  return [
    `${count(instances)} instances of ${count(studies)} studies since ${new Date(since).toISOString()}, against ${than}.`,
    `${count(instances - unchanged)} would be decided otherwise, ${count(unchanged)} not.`,
    ...(out.length === 0 ? [] : [`Left out: ${out.map(([why, number]) => `${count(number)} ${why}`).join(', ')}.`]),
  ]
}

type Row = Change & { readonly name: string; readonly otherEdits?: Sample }

function table(subject: string, rows: readonly Row[], width: number): readonly string[] {
  const titles = ['before', 'after', 'more', 'fewer', ...(subject === 'destination' ? ['other edits'] : [])]
  const line = (name: string, cells: readonly string[]): string =>
    `${name.padEnd(width)}${cells.map((cell) => cell.padStart(13)).join('')}`.trimEnd()
  return [
    line(subject, titles),
    ...rows.map(({ name, before, after, more, fewer, otherEdits }) => {
      const counts = [before, after, more.count, fewer.count, ...(otherEdits === undefined ? [] : [otherEdits.count])]
      return line(name, counts.map(count))
    }),
  ]
}

/** Whom to look at first, with `explain --instance` or in GraphQL. */
function examples({ destinations, held, discarded }: ShadowReport): readonly string[] {
  const samples = [
    ...destinations.flatMap(({ name, more, fewer, otherEdits }): readonly (readonly [string, Sample])[] => [
      [`more to ${name}`, more],
      [`fewer to ${name}`, fewer],
      [`other edits to ${name}`, otherEdits],
    ]),
    ['newly held', held.more] as const,
    ['no longer held', held.fewer] as const,
    ['newly discarded', discarded.more] as const,
    ['no longer discarded', discarded.fewer] as const,
  ].filter(([, sample]) => sample.count > 0)
  if (samples.length === 0) return []
  return ['', 'For example:', ...samples.map(([what, { examples }]) => `  ${what}: ${examples.join(', ')}`)]
}

const differs = ({ more, fewer }: Change): boolean => more.count + fewer.count > 0
const numbers = ({ before, after }: Change): string => `${count(before)} before, ${count(after)} after`
const count = (number: number): string => number.toLocaleString('en')
