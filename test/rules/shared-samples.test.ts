import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from '@jest/globals'
import { testRuleset } from '../../src/rules/load-ruleset.ts'
import { readRulesFolder } from '../../src/rules/read-rules-folder.ts'
import { formatProblem } from '../../src/rules/rule-problem.ts'
import { corpusDir, testWithCorpus } from '../support/corpus.ts'

testWithCorpus('the sample rules that stand beside the corpus load, and all of their tests pass', async () => {
  const folder = join(corpusDir() ?? '', '..', 'rules')
  if (!existsSync(folder)) return
  const read = await readRulesFolder(folder)
  if ('problems' in read) throw new Error(read.problems.map(formatProblem).join('\n'))
  const tested = testRuleset(read.files, {})
  if ('problems' in tested) throw new Error(tested.problems.map(formatProblem).join('\n'))
  expect(tested.report.failures.map(formatProblem)).toEqual([])
  expect(tested.report.passed).toBe(13)
  expect(tested.report.untouched).toEqual([])
})
