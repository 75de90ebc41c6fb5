// DICOM files of many makers that are kept beside the repository, not in it. Where they do not stand, the tests that
// read them are skipped by name.
import { existsSync, readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, test } from '@jest/globals'

type Body = () => void | Promise<void>

export interface CorpusFile {
  /** Relative to the corpus, with slashes: `modality/ct.dcm`. */
  readonly name: string
  readonly path: string
}

const folderBeside =
  process.env['KURIR_TEST_CORPUS'] ?? fileURLToPath(new URL('../../../shared/corpus', import.meta.url))

/** The corpus's folder, undefined where it does not stand. */
export const corpusDir = (): string | undefined => (existsSync(folderBeside) ? folderBeside : undefined)

/** Every file below one folder of the corpus (`modality`, `syntax` …) in the order of their names; none where it does not stand. */
export function corpusFiles(folder: string): readonly CorpusFile[] {
  const top = join(folderBeside, folder)
  if (!existsSync(top)) return []
  return readdirSync(top, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ name: relative(folderBeside, path), path }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** A test that reads the corpus: skipped by name where it does not stand. */
export function testWithCorpus(title: string, body: Body, timeoutMs?: number): void {
  if (corpusDir() !== undefined) test(title, body, timeoutMs)
  else test.skip(skippedTitle(title), body)
}

/** A group of tests that reads the corpus: skipped by name where it does not stand. The body still runs: no files are found. */
export function describeWithCorpus(title: string, body: () => void): void {
  if (corpusDir() !== undefined) describe(title, body)
  else describe.skip(skippedTitle(title), body)
}

// The reporter tolerates this ending, and only where the folder really is not there.
const skippedTitle = (title: string): string => `${title} [needs the corpus]`
