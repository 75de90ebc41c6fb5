import { KurirError } from '../base/failure.ts'
import { type FreeMark, SETTINGS, type SettingEntry, type Settings } from './table.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** A setting that cannot be used, or a name that looks like one of ours and is none. */
export interface SettingProblem {
  readonly variable: string
  readonly message: string
}

/**
 * Reads every setting from the environment, unset ones from the table's defaults.
 *
 * @throws KurirError `invalid-setting` that names everything wrong at once, one line each
 */
export function readSettings(environment: Environment): Settings {
  const { read, problems } = readAll(environment)
  if (problems.length > 0) {
    throw new KurirError('invalid-setting', 'permanent', problems.map((problem) => problem.message).join('\n'))
  }
  return read as Settings
}

/** Everything for which `readSettings` would refuse this environment. */
export const settingProblems = (environment: Environment): readonly SettingProblem[] => readAll(environment).problems

function readAll(environment: Environment) {
  const problems: SettingProblem[] = [...unknownNames(environment)]
  const read: Record<string, unknown> = {}
  for (const [key, entry] of Object.entries(SETTINGS)) {
    const reading = readEntry(entry, environment)
    if (reading.ok) read[key] = reading.value
    else problems.push({ variable: entry.variable, message: `${entry.variable} must be ${reading.mustBe}` })
  }
  return { read, problems }
}

function readEntry(entry: SettingEntry<unknown>, environment: Environment) {
  return entry.read(environment[entry.variable] ?? entry.fallback)
}

// Set by the launcher and by the tests, not read by the server.
const NOT_SETTINGS = new Set(['KURIR_TEST_PEERS', 'KURIR_TEST_CORPUS', 'KURIR_COVERAGE_DIR'])

/** A misspelt name would otherwise be a default that nobody asked for. */
function unknownNames(environment: Environment): SettingProblem[] {
  const known = new Set(Object.values(SETTINGS).map((entry) => entry.variable))
  return Object.keys(environment)
    .filter((name) => name.startsWith('KURIR_') && !known.has(name) && !NOT_SETTINGS.has(name))
    .map((name) => ({ variable: name, message: `${name} is not a setting; "kurir settings" lists them all` }))
}

/** The bytes that are to stay free on a volume of that size. */
export const freeBytesLeast = (mark: FreeMark, totalBytes: number): number =>
  'bytes' in mark ? mark.bytes : mark.share * totalBytes

/** One line of `kurir settings`. */
export interface SettingLine {
  readonly variable: string
  readonly value: string
  readonly isDefault: boolean
  readonly unit: string
  readonly sentence: string
}

/** Every setting with the text in force, in the order of the table. */
export function listSettings(environment: Environment): readonly SettingLine[] {
  return Object.values(SETTINGS).map((entry) => ({
    variable: entry.variable,
    value: environment[entry.variable] ?? entry.fallback,
    isDefault: environment[entry.variable] === undefined,
    unit: entry.unit,
    sentence: entry.sentence,
  }))
}
