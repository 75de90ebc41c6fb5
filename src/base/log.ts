import { type Logger, pino } from 'pino'
import type { FailureCode } from './failure.ts'
import { LineWriter } from './line-writer.ts'

/**
 * Everything a log line may hold beside its event. There is no free text and nothing here can identify a patient:
 * UIDs, names, patient IDs and accession numbers live in the ledger (wall W11).
 */
export interface LogFields {
  readonly instance?: string
  readonly delivery?: string
  readonly association?: string
  readonly destination?: string
  readonly service?: string
  readonly rule?: string
  readonly ruleset?: string
  readonly callingAe?: string
  readonly calledAe?: string
  readonly peer?: string
  readonly door?: string
  readonly sopClass?: string
  readonly transferSyntax?: string
  readonly bytes?: number
  readonly count?: number
  readonly took?: number
  readonly waitMs?: number
  readonly code?: FailureCode
  readonly status?: string
  readonly reason?: string
  readonly state?: string
  readonly port?: number
  readonly file?: string
  readonly line?: number
  readonly column?: number
  readonly version?: string
  readonly attempt?: number
  readonly setting?: string
  readonly signal?: string
  readonly incident?: string
  readonly correlation?: string
  readonly method?: string
  readonly route?: string
  readonly dicomPort?: number
  readonly dicomTlsPort?: number
  readonly httpPort?: number
  readonly adminPort?: number
  readonly pid?: number
}

/** One line an event: `event` is kebab-case, past tense (`instance-admitted`), a constant and never composed. */
export interface Log {
  debug(event: string, fields?: LogFields): void
  info(event: string, fields?: LogFields): void
  warn(event: string, fields?: LogFields): void
  error(event: string, fields?: LogFields): void
}

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/**
 * JSON lines on stdout, or readable ones when stdout is a terminal. Warnings and errors are written at once, with
 * everything before them; the others within a tenth of a second, and at the end of the process. Where stdout takes nothing,
 * Kurir goes on: a megabyte of lines is kept, and how many were lost is said when it takes some again.
 */
export function createLog(level: LogLevel, pretty: boolean): Log {
  const { sink, flush } = pretty ? prettySink(level) : jsonSink(level)
  return {
    debug: (event, fields) => sink.debug({ event, ...fields }),
    info: (event, fields) => sink.info({ event, ...fields }),
    warn(event, fields) {
      sink.warn({ event, ...fields })
      flush()
    },
    error(event, fields) {
      sink.error({ event, ...fields })
      flush()
    },
  }
}

interface LogSink {
  readonly sink: Logger
  readonly flush: () => void
}

function prettySink(level: LogLevel): LogSink {
  const transport = { target: 'pino-pretty', options: { messageKey: 'event', ignore: 'pid,hostname' } }
  return { sink: pino({ level, base: null, transport }), flush: () => {} }
}

function jsonSink(level: LogLevel): LogSink {
  const options = { level, base: null, formatters: { level: (label: string) => ({ level: label }) } }
  // The library's own destination tries for ever, asleep, where a disk is full.
  const out = new LineWriter(1, (count) => sink.warn({ event: 'log-lines-lost', count }))
  const sink = pino(options, out)
  process.once('exit', () => out.end())
  return { sink, flush: () => out.flush() }
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} }
