import { parentPort, workerData } from 'node:worker_threads'
import { type Instant, instant } from '../base/clock.ts'
import { KurirError } from '../base/failure.ts'
import type { RulesetRecord } from '../ledger/ledger.ts'
import { openSqliteViews } from '../ledger/sqlite/open-views.ts'
import type { PastDecision } from '../ledger/views.ts'
import { factsOf } from '../plan/facts.ts'
import { defaultCharset } from '../plan/obligations.ts'
import { shadow } from '../report/shadow.ts'
import type { ShadowReport } from '../report/shadow-report.ts'
import { loadRuleset } from '../rules/load-ruleset.ts'
import { readKeyFile } from '../rules/read-key-file.ts'
import type { RuleFile } from '../rules/rule-source.ts'
import type { Ruleset } from '../rules/ruleset.ts'
import type { FromShadow, ShadowRequest } from './shadow-protocol.ts'

// The thread that replays: deciding a hundred thousand instances again must not keep the doors waiting.

const request: ShadowRequest = workerData

async function replay(): Promise<ShadowReport> {
  const { file, since, before, environment } = request
  const ofNow = (): Instant => instant(before)
  await using reader = openSqliteViews(file, ofNow)
  const candidate = compiled(request.candidate, environment, 'the rules to try')
  const against = request.against === 'record' ? undefined : await inForce(await reader.lastRuleset())
  return await shadow({
    views: reader.views,
    candidate,
    against,
    since,
    before,
    factsOf: (past: PastDecision, ruleset: Ruleset) => ({
      ...factsOf(past, defaultCharset(ruleset, past)),
      amendments: past.amendments,
      answers: past.answers,
    }),
    progress: (instances) => tell({ kind: 'progress', instances }),
  })
}

async function inForce(record: RulesetRecord | undefined): Promise<Ruleset> {
  if (record === undefined) throw new KurirError('not-found', 'permanent', 'no rules have ever been in force here')
  const files = record.files.map(({ name, text }) => ({ name, bytes: Buffer.from(text, 'utf8') }))
  return compiled(files, request.environment, 'the rules in force')
}

function compiled(files: readonly RuleFile[], environment: ShadowRequest['environment'], what: string): Ruleset {
  const loaded = loadRuleset(files, environment, readKeyFile)
  if ('ruleset' in loaded) return loaded.ruleset
  throw new KurirError('invalid-rules', 'permanent', `${what} do not load; "kurir check" says why`)
}

const tell = (message: FromShadow): void => parentPort?.postMessage(message)

try {
  tell({ kind: 'done', report: await replay() })
} catch (error) {
  const failure = error instanceof KurirError ? { code: error.code, retry: error.retry, message: error.message } : null
  tell({ kind: 'failed', failure })
}
