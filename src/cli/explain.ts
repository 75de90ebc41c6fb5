import { parseArgs } from 'node:util'
import { explain, type Step } from '../rules/decide.ts'
import type { PlannedForward } from '../rules/decision.ts'
import type { Facts } from '../rules/facts.ts'
import { viewOfHeader } from '../rules/header-view.ts'
import { readSettings } from '../settings/settings.ts'
import { type Command, type CommandContext, UsageError } from './command.ts'
import { openDicomFile, scanFile } from './dicom-file.ts'
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
    const { values, positionals } = parseExplain(args)
    if (positionals.length === 0) throw new UsageError('which file?')
    const ruleset = await requireRules(context.environment)
    const [ownTitle = ''] = readSettings(context.environment).aeTitles
    let readable = true
    for (const path of positionals) {
      const file = await openDicomFile(path)
      const scan = await scanFile(file)
      context.print(positionals.length > 1 ? `${path}:` : '')
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

function parseExplain(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true })
  } catch (error) {
    throw new UsageError(Error.isError(error) ? error.message : 'unknown option')
  }
}

function printExplanation({ decision, steps }: ReturnType<typeof explain>, context: CommandContext): void {
  const width = Math.max(0, ...steps.map((step) => step.rule.name.length + step.depth * 2)) + 2
  for (const step of steps) {
    context.print(stepLine(step, width))
    for (const destination of step.forward) {
      const forward = decision.forwards.find((planned) => planned.destination === destination)
      context.print(
        `       -> ${destination.padEnd(width)}${forward === undefined ? 'held, see below' : sayChanges(forward)}`,
      )
    }
  }
  for (const { rule, reason } of decision.holds) context.print(`held       ${reason}${sayRule(rule)}`)
  for (const { rule, reason } of decision.discards) context.print(`discarded  ${reason}${sayRule(rule)}`)
}

function stepLine(step: Step, width: number): string {
  const name = `${'  '.repeat(step.depth)}${step.rule.name}`.padEnd(width)
  const stopped = step.stopped ? '  (stop)' : ''
  return `${step.matched ? 'yes' : 'no '}  ${name}  ${step.because.join('; ')}${stopped}`.trimEnd()
}

// The verbs and their elements; the values of the file are not repeated on the terminal.
const sayChanges = (forward: PlannedForward): string =>
  forward.changes.length === 0
    ? 'as received'
    : forward.changes.map((change) => `${change.verb} ${change.keyword ?? change.tag}`).join('; ')

const sayRule = (rule: { readonly name: string; readonly file: string; readonly line: number } | null): string =>
  rule === null ? '' : `   (${rule.name}, ${rule.file}:${rule.line})`
