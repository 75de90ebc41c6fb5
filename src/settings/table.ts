import { parseDuration } from '../base/duration.ts'
import { LOG_LEVELS } from '../base/log.ts'
import { parseAeTitle } from '../dicom/ae-title.ts'

/**
 * What reading one setting's text gives: the value, or why it is not one, as the end of the sentence "NAME must be …".
 */
export type Reading<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly mustBe: string }

/** One setting: how it is spelt in the environment, what it is when unsaid, and a sentence for people. */
export interface SettingEntry<T> {
  readonly variable: string
  readonly fallback: string
  readonly unit: string
  readonly sentence: string
  readonly read: (text: string) => Reading<T>
}

const value = <T>(read: T): Reading<T> => ({ ok: true, value: read })
const mustBe = (what: string): Reading<never> => ({ ok: false, mustBe: what })

const entry = <T>(
  variable: string,
  fallback: string,
  unit: string,
  read: (text: string) => Reading<T>,
  sentence: string,
): SettingEntry<T> => ({ variable, fallback, unit, read, sentence })

const text = (what: string) => (given: string) => (given === '' ? mustBe(what) : value(given))

function port(given: string): Reading<number> {
  const number = Number(given)
  const fits = /^\d{1,5}$/.test(given) && number <= 65_535
  return fits ? value(number) : mustBe('a port from 0 (any free one) to 65535')
}

const portIfAny = (given: string): Reading<number | undefined> => (given === '' ? value(undefined) : port(given))

function wholeNumber(least: number, most: number) {
  return (given: string): Reading<number> => {
    const number = Number(given)
    const fits = /^\d{1,10}$/.test(given) && number >= least && number <= most
    return fits ? value(number) : mustBe(`a whole number from ${least} to ${most}`)
  }
}

function duration(given: string) {
  const read = parseDuration(given)
  return read === undefined || read === 0 ? mustBe('a duration such as 10s, 15m, 4h or 7d') : value(read)
}

function yesOrNo(given: string): Reading<boolean> {
  return given === 'true' ? value(true) : given === 'false' ? value(false) : mustBe('true or false')
}

function aeTitles(given: string) {
  const titles = given.split(',').map(parseAeTitle)
  const read = titles.filter((title) => title !== undefined)
  return read.length === titles.length ? value(read) : mustBe('AE titles of 1 to 16 characters, separated by commas')
}

/** How much of the volume stays free: a share of it, or so many bytes. */
export type FreeMark = { readonly share: number } | { readonly bytes: number }

const BYTE_UNITS = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 } as const

function freeMark(given: string): Reading<FreeMark> {
  const percent = /^(\d{1,2}(?:\.\d+)?)%$/.exec(given)
  if (percent?.[1] !== undefined) return value({ share: Number(percent[1]) / 100 })
  const bytes = /^(\d{1,15})([KMGT]?)$/.exec(given)
  if (bytes?.[1] === undefined) return mustBe('a share such as 5% or bytes such as 20G')
  return value({ bytes: Number(bytes[1]) * BYTE_UNITS[(bytes[2] ?? '') as keyof typeof BYTE_UNITS] })
}

function folders(given: string): Reading<readonly string[]> {
  const read = given.split(',').map((folder) => folder.trim())
  if (given === '') return value([])
  const fits = read.every((folder) => folder !== '') && new Set(read).size === read.length
  return fits ? value(read) : mustBe('folders, each once, separated by commas')
}

function logLevel(given: string) {
  const level = LOG_LEVELS.find((known) => known === given)
  return level === undefined ? mustBe(`one of ${LOG_LEVELS.join(', ')}`) : value(level)
}

function timeZone(given: string): Reading<string> {
  try {
    return value(new Intl.DateTimeFormat('en', { timeZone: given }).resolvedOptions().timeZone)
  } catch {
    return mustBe('an IANA time zone such as Asia/Jakarta')
  }
}

/** Every setting there is. What is not declared here cannot be read; `kurir settings` prints this table. */
export const SETTINGS = {
  aeTitles: entry(
    'KURIR_AE_TITLE',
    'KURIR',
    'AE titles',
    aeTitles,
    'Our AE titles; the first is the one we call with.',
  ),
  acceptAnyCalledAe: entry(
    'KURIR_ACCEPT_ANY_CALLED_AE',
    'false',
    'true or false',
    yesOrNo,
    'Whether an association that calls another title than ours is taken all the same.',
  ),
  dicomHost: entry('KURIR_DICOM_HOST', '0.0.0.0', 'address', text('an address'), 'Where the DIMSE door listens.'),
  dicomPort: entry('KURIR_DICOM_PORT', '11112', 'port', port, 'The DIMSE door.'),
  dicomTlsPort: entry(
    'KURIR_DICOM_TLS_PORT',
    '',
    'port',
    portIfAny,
    'The DIMSE door with TLS, beside the other; 2762 is the registered port. Unsaid: none.',
  ),
  tlsCertFile: entry(
    'KURIR_TLS_CERT_FILE',
    '',
    'file',
    value<string>,
    'Our certificate for it, PEM, with what it rests on.',
  ),
  tlsKeyFile: entry('KURIR_TLS_KEY_FILE', '', 'file', value<string>, 'The key of that certificate, PEM.'),
  tlsCaFile: entry(
    'KURIR_TLS_CA_FILE',
    '',
    'file',
    value<string>,
    'Whose certificates callers by TLS must show, PEM. Unsaid: they need none.',
  ),
  httpHost: entry(
    'KURIR_HTTP_HOST',
    '0.0.0.0',
    'address',
    text('an address'),
    'Where the integrators’ HTTP port listens.',
  ),
  httpPort: entry('KURIR_HTTP_PORT', '8080', 'port', port, 'STOW-RS and the integrators’ HTTP API.'),
  adminHost: entry('KURIR_ADMIN_HOST', '127.0.0.1', 'address', text('an address'), 'Where the admin listener stands.'),
  adminPort: entry('KURIR_ADMIN_PORT', '4000', 'port', port, 'GraphQL, playground, metrics and health.'),
  dataDir: entry('KURIR_DATA_DIR', './data', 'folder', text('a folder'), 'Spool and ledger; made with mode 0700.'),
  rulesDir: entry('KURIR_RULES_DIR', './rules', 'folder', text('a folder'), 'The rules in force are read from here.'),
  dropDirs: entry(
    'KURIR_DROP_DIR',
    '',
    'folders',
    folders,
    'Drop folders, separated by commas: DICOM files put there are taken in and moved to "done" or "refused" in them.',
  ),
  dropSettle: entry(
    'KURIR_DROP_SETTLE',
    '2s',
    'duration',
    duration,
    'How long a dropped file that is still being written must stand unchanged before it is taken.',
  ),
  spoolFreeMin: entry(
    'KURIR_SPOOL_FREE_MIN',
    '5%',
    'share or bytes',
    freeMark,
    'Below this much free disk, new objects are answered A700H and nothing undelivered is deleted.',
  ),
  maxAssociations: entry(
    'KURIR_MAX_ASSOCIATIONS',
    '1000',
    'associations',
    wholeNumber(1, 10_000),
    'Beyond this many at once on one port, an association is rejected for the time being.',
  ),
  acseTimeout: entry(
    'KURIR_ACSE_TIMEOUT',
    '10s',
    'duration',
    duration,
    'How long a connection may take to become an association, and to close (ARTIM).',
  ),
  dimseTimeout: entry(
    'KURIR_DIMSE_TIMEOUT',
    '10s',
    'duration',
    duration,
    'How long a peer may take to answer a request.',
  ),
  networkTimeout: entry(
    'KURIR_NETWORK_TIMEOUT',
    '10s',
    'duration',
    duration,
    'How long a transfer may stand still in the middle of an object.',
  ),
  connectTimeout: entry('KURIR_CONNECT_TIMEOUT', '10s', 'duration', duration, 'How long a TCP connection may take.'),
  idleTimeout: entry(
    'KURIR_IDLE_TIMEOUT',
    '5m',
    'duration',
    duration,
    'How long an association that called us may stay open without a message.',
  ),
  stopTimeout: entry(
    'KURIR_STOP_TIMEOUT',
    '10s',
    'duration',
    duration,
    'How long open associations may go on when Kurir is told to stop.',
  ),
  timezone: entry(
    'KURIR_TIMEZONE',
    'Asia/Jakarta',
    'time zone',
    timeZone,
    'For times that come without a zone of their own; this version meets none.',
  ),
  logLevel: entry('KURIR_LOG_LEVEL', 'info', LOG_LEVELS.join(', '), logLevel, 'What is logged, and what is worse.'),
} as const

type Table = typeof SETTINGS
type ValueOf<E> = E extends SettingEntry<infer T> ? T : never

/** All settings, read and checked. */
export type Settings = { readonly [Key in keyof Table]: ValueOf<Table[Key]> }
