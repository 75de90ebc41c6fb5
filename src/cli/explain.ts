import { isDeepStrictEqual } from 'node:util'
import { explain } from '../rules/decide.ts'
import type { Decision, PlannedForward } from '../rules/decision.ts'
import type { Facts } from '../rules/facts.ts'
import { viewOfHeader } from '../rules/header-view.ts'
import type { Step } from '../rules/walk.ts'
import { readSettings } from '../settings/settings.ts'
import { type Command, type CommandContext, UsageError } from './command.ts'
import { openDicomFile, scanFile } from './dicom-file.ts'
import { optionsOf } from './options.ts'
import { requireRules } from './rules-in-folder.ts'

const OPTIONS = {
  'calling-ae': { type: 'string', default: 'STORESCU' },
  'called-ae': { type: 'string' },
  peer: { type: 'string', default: '127.0.0.1' },
} as const

/** Says what the rules would do with each file, and which rule said so; sends and stores nothing. */
export const explainCommand: Command = {
  name: 'explain',
  usage: '[--calling-ae AE] [--called-ae AE] [--peer ADDRESS] FILE…',
  sentence: 'what the rules would do with these files, and why',
  async run(args, context) {
    const { values, positionals } = optionsOf(args, OPTIONS)
    if (positionals.length === 0) throw new UsageError('which file?')
    const ruleset = await requireRules(context.environment)
    const [ownTitle = ''] = readSettings(context.environment).aeTitles
    let readable = true
    for (const path of positionals) {
      const file = await openDicomFile(path)
      const scan = await scanFile(file)
      if (positionals.length > 1) context.print(`${path}:`)
      if (scan.outcome === 'unreadable') {
        context.print(`held  unreadable: ${scan.reason}`)
        readable = false
        continue
      }
      const facts: Facts = {
        callingAe: values['calling-ae'],
        calledAe: values['called-ae'] ?? ownTitle,
        peer: values.peer,
        door: 'dimse',
        sopClass: file.meta.sopClassUid ?? scan.header.sopClassUid ?? '',
        sopInstanceUid: file.meta.sopInstanceUid ?? scan.header.sopInstanceUid ?? '',
        transferSyntax: file.transferSyntaxUid,
        header: viewOfHeader(scan.header),
      }
      printExplanation(explain(ruleset, facts), context)
    }
    return readable ? 0 : 1
  },
}

function printExplanation({ decision, steps }: ReturnType<typeof explain>, context: CommandContext): void {
  const lines = steps.flatMap((step) => [stepLine(step), ...forwardLines(step, decision)])
  const column = Math.max(0, ...lines.map(({ what }) => what.length)) + 3
  for (const { what, why } of lines) context.print(`${what.padEnd(column)}${why}`.trimEnd())
  for (const { rule, reason } of decision.holds) context.print(`held       ${reason}${sayRule(rule)}`)
  for (const { rule, reason } of decision.discards) context.print(`discarded  ${reason}${sayRule(rule)}`)
}

interface Line {
  readonly what: string
  readonly why: string
}

const stepLine = ({ matched, depth, rule, because, stopped }: Step): Line => ({
  what: `${matched ? 'yes' : 'no '}  ${'  '.repeat(depth)}${rule.name}`,
  why: `${because.join('; ')}${stopped ? '  (stop)' : ''}`,
})

function forwardLines(step: Step, { forwards }: Decision): readonly Line[] {
  return step.forward.map((destination) => {
    const at = forwards.findIndex((planned) => planned.destination === destination)
    return { what: `       -> ${destination}`, why: sayForward(forwards[at], forwards.slice(0, Math.max(0, at))) }
  })
}

function sayForward(forward: PlannedForward | undefined, before: readonly PlannedForward[]): string {
  if (forward === undefined) return 'held, see below'
  if (forward.changes.length === 0) return 'as received'
  const same = before.find((planned) => isDeepStrictEqual(planned.changes, forward.changes))
  return same === undefined ? sayChanges(forward) : `as ${same.destination}`
}

// The verbs and their elements; the values of the file are not repeated on the terminal.
const sayChanges = ({ changes }: PlannedForward): string =>
  changes.map((change) => `${change.verb} ${change.keyword ?? change.tag}`).join('; ')

const sayRule = (rule: { readonly name: string; readonly file: string; readonly line: number } | null): string =>
  rule === null ? '' : `   (${rule.name}, ${rule.file}:${rule.line})`
