import { runShadow } from '../app/shadow.ts'
import { instant, systemClock } from '../base/clock.ts'
import { parseDuration } from '../base/duration.ts'
import { loadRuleset } from '../rules/load-ruleset.ts'
import { readKeyFile } from '../rules/read-key-file.ts'
import { readRulesFolder } from '../rules/read-rules-folder.ts'
import type { RuleProblem } from '../rules/rule-problem.ts'
import type { RuleFile } from '../rules/rule-source.ts'
import { type Environment, readSettings } from '../settings/settings.ts'
import { aligned } from './aligned.ts'
import { type Command, type CommandContext, UsageError } from './command.ts'
import { requireLedger } from './ledger-file.ts'
import { optionsOf } from './options.ts'
import { shadowLines } from './shadow-lines.ts'

const OPTIONS = {
  rules: { type: 'string' },
  since: { type: 'string', default: '7d' },
  against: { type: 'string', default: 'record' },
} as const

/** Between two lines of progress where no terminal redraws one. */
const EVERY = 25_000

/**
 * What other rules would have done with what came: reads the ledger, sends nothing, asks nobody. Exit code 1 when it cannot,
 * 2 when the rules to try do not load.
 */
export const shadowCommand: Command = {
  name: 'shadow',
  usage: '--rules DIR [--since 7d] [--against record|current]',
  sentence: 'what would these rules have done with what came? Sends nothing',
  async run(args, context) {
    const { values, positionals } = optionsOf(args, OPTIONS)
    const { rules, against } = values
    const span = parseDuration(values.since)
    if (rules === undefined || positionals.length > 0) throw new UsageError('which rules? --rules names their folder')
    if (span === undefined) throw new UsageError('--since takes a duration: 12h, 7d')
    if (against !== 'record' && against !== 'current') throw new UsageError('--against takes record or current')
    const candidate = await readCandidate(rules, context.environment)
    if ('problems' in candidate) {
      for (const line of aligned(candidate.problems)) context.complain(line)
      context.complain('Nothing was replayed.')
      return 2
    }
    const now = systemClock.now()
    const report = await runShadow(
      {
        file: await requireLedger(readSettings(context.environment)),
        candidate: candidate.files,
        against,
        since: instant(Math.max(0, now - span)),
        before: now,
        environment: context.environment,
      },
      context.signal,
      progressOf(context),
    )
    context.terminal?.rewrite('')
    for (const line of shadowLines(report)) context.print(line)
    return 0
  },
}

async function readCandidate(
  folder: string,
  environment: Environment,
): Promise<{ readonly files: readonly RuleFile[] } | { readonly problems: readonly RuleProblem[] }> {
  const read = await readRulesFolder(folder)
  if ('problems' in read) return read
  const loaded = loadRuleset(read.files, environment, readKeyFile)
  return 'problems' in loaded ? loaded : read
}

function progressOf(context: CommandContext): (instances: number) => void {
  let told = 0
  return (instances) => {
    const line = `${instances.toLocaleString('en')} instances looked at`
    if (context.terminal !== undefined) context.terminal.rewrite(line)
    else if (instances - told >= EVERY) {
      told = instances
      context.complain(line)
    }
  }
}
