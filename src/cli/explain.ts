import { KurirError } from '../base/failure.ts'
import { decide, explain } from '../rules/decide.ts'
import { explainStudy } from '../rules/decide-study.ts'
import { factsOf, type Given } from '../rules/given.ts'
import type { Ruleset } from '../rules/ruleset.ts'
import type { StudyMember } from '../rules/study-decision.ts'
import { readSettings } from '../settings/settings.ts'
import { type Command, type CommandContext, UsageError } from './command.ts'
import { type ReadFile, readFacts, type Sender } from './explain-files.ts'
import { explainRecorded } from './explain-instance.ts'
import { explainedLines } from './explain-lines.ts'
import { explainedInstance, explainedStudy } from './explained.ts'
import { optionsOf } from './options.ts'
import { requireRules } from './rules-in-folder.ts'

const OPTIONS = {
  'calling-ae': { type: 'string', default: 'STORESCU' },
  'called-ae': { type: 'string' },
  peer: { type: 'string', default: '127.0.0.1' },
  study: { type: 'boolean', default: false },
  fact: { type: 'string', multiple: true },
  instance: { type: 'string' },
} as const

/**
 * Says what the rules would do with files, with the study that they make, with an instance on record, or with facts given by
 * hand, and which rule said so. Sends, stores and asks nothing.
 */
export const explainCommand: Command = {
  name: 'explain',
  usage: '[--calling-ae AE] [--called-ae AE] [--peer ADDRESS] [--study] FILE… | --instance ID | --fact NAME=VALUE…',
  sentence: 'what the rules would do, and why: with files, a study, an instance on record, or facts by hand',
  async run(args, context) {
    const { values, positionals } = optionsOf(args, OPTIONS)
    const given = [positionals.length > 0, values.instance !== undefined, values.fact !== undefined]
    if (given.filter(Boolean).length !== 1) throw new UsageError('which file? Or one --instance, or facts by --fact')
    if (values.instance !== undefined) return await explainRecorded(values.instance, context)
    const ruleset = await requireRules(context.environment)
    if (values.fact !== undefined) return explainGiven(values.fact, ruleset, context)
    const [ownTitle = ''] = readSettings(context.environment).aeTitles
    const sender: Sender = {
      callingAe: values['calling-ae'],
      calledAe: values['called-ae'] ?? ownTitle,
      peer: values.peer,
    }
    return await explainFiles(positionals, sender, values.study, ruleset, context)
  },
}

async function explainFiles(
  paths: readonly string[],
  sender: Sender,
  asStudy: boolean,
  ruleset: Ruleset,
  context: CommandContext,
): Promise<number> {
  const files: ReadFile[] = []
  for (const path of paths) {
    if (context.signal.aborted) throw new KurirError('aborted', 'transient', `stopped before ${path}`)
    const file = await readFacts(path, sender, ruleset)
    files.push(file)
    if (asStudy && isOfStudy(file)) continue
    if (paths.length > 1) context.print(`${path}:`)
    if (asStudy && 'facts' in file) context.print('it names no study, so only the rules for an instance are asked')
    if ('facts' in file) printAll(explainedLines(explainedInstance(explain(ruleset, file.facts))), context)
    else context.print(`held  unreadable: ${file.unreadable}`)
  }
  if (asStudy) {
    const studies = [...Map.groupBy(files.filter(isOfStudy), ({ identity }) => identity.studyInstanceUid)]
    for (const [, members] of studies) explainOneStudy(members, studies.length > 1, ruleset, context)
  }
  return files.every((file) => 'facts' in file) ? 0 : 1
}

const isOfStudy = (file: ReadFile): boolean => 'facts' in file && file.facts.isOfNoStudy !== true

/** As at its moment: what the instance moment discards is no member, what it wants `otherwise` passes over. */
function explainOneStudy(
  files: readonly ReadFile[],
  isOneOfSeveral: boolean,
  ruleset: Ruleset,
  context: CommandContext,
): void {
  const members = files.flatMap((file): readonly StudyMember[] => {
    if (!('facts' in file)) return []
    const { forwards, holds, waits, asks, discards } = decide(ruleset, file.facts)
    const isWanted = forwards.length + holds.length + waits.length + asks.length > 0
    if (!isWanted && discards.length > 0) return []
    return [{ id: file.path, facts: file.facts, isNew: true, isHeld: holds.length > 0, isWanted }]
  })
  if (isOneOfSeveral) context.print(`the study of ${files.map(({ path }) => path).join(', ')}:`)
  const left = files.length - members.length
  if (left > 0) context.print(`${left} of ${files.length} files are discarded on arrival and no part of it`)
  if (members.length === 0) return
  const explained = explainStudy(ruleset, { members, settledBy: 'quiet' })
  const lines = explainedLines(explainedStudy(explained, members.length))
  printAll(lines.length === 0 ? ['no rule is asked when a study is finished'] : lines, context)
}

function explainGiven(said: readonly string[], ruleset: Ruleset, context: CommandContext): number {
  const given: Given = Map.groupBy(said, nameIn) satisfies Map<string, string[]>
  const facts = factsOf(new Map([...given].map(([name, texts]) => [name, texts.map(valueIn)])))
  if ('problems' in facts) {
    throw new KurirError('invalid-argument', 'permanent', [...facts.problems.values()].join('\n'))
  }
  printAll(explainedLines(explainedInstance(explain(ruleset, facts))), context)
  return 0
}

function nameIn(text: string): string {
  const at = text.indexOf('=')
  if (at < 1) throw new UsageError(`--fact takes NAME=VALUE, as in --fact Modality=CT`)
  return text.slice(0, at)
}

const valueIn = (text: string): string => text.slice(text.indexOf('=') + 1)

function printAll(lines: readonly string[], context: CommandContext): void {
  for (const line of lines) context.print(line)
}
