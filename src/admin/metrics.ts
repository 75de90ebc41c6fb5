import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Counter, Gauge, Registry } from 'prom-client'
import type { Milliseconds } from '../base/clock.ts'
import type { AttemptOutcome, Door } from '../ledger/states.ts'

/**
 * What rooms count while they work; each takes by `Pick` what it needs. Labels are names of ours, closed sets and names
 * from the rules: never anything a peer sent.
 */
export interface Metrics {
  /** @param bytes of the data set */
  instanceAdmitted(door: Door, bytes: number): void
  /** An instance that was not taken. @param reason a failure code */
  instanceRefused(door: Door, reason: string): void
  /** @param reason low-cardinality */
  associationRefused(reason: string): void
  /** @param bytes of what was taken; 0 when it was not */
  attemptEnded(destination: string, outcome: AttemptOutcome, bytes: number, took: Milliseconds): void
  /** @param outcome `found`, `again` and so on */
  serviceCalled(service: string, verb: 'ask' | 'tell', outcome: string, took: Milliseconds): void
}

/** The process's counters and where `/metrics` reads them. Disposing it ends the measuring of the event loop. */
export interface MetricsRegistry extends Metrics, Disposable {
  readonly registry: Registry
}

/** Counts from now on. There is one for each process; tests make their own. */
export function createMetrics(): MetricsRegistry {
  const registry = new Registry()
  const delay = monitorEventLoopDelay({ resolution: 10 })
  delay.enable()
  processGauges(registry, delay)
  return { registry, ...counters(registry), [Symbol.dispose]: () => void delay.disable() }
}

function counters(registry: Registry): Metrics {
  const registers = [registry]
  const counter = <Label extends string>(name: string, help: string, labelNames: Label[]) =>
    new Counter({ name, help, labelNames, registers })
  const admitted = counter('kurir_instances_admitted_total', 'Instances taken durably.', ['door'])
  const admittedBytes = counter('kurir_admitted_bytes_total', 'Bytes of data sets taken durably.', ['door'])
  const refused = counter('kurir_instances_refused_total', 'Instances not taken.', ['door', 'reason'])
  const associations = counter('kurir_associations_refused_total', 'Associations refused.', ['reason'])
  const attempts = counter('kurir_attempts_total', 'Tries of deliveries, by how they ended.', [
    'destination',
    'outcome',
  ])
  const sentBytes = counter(
    'kurir_sent_bytes_total',
    'Bytes of objects that were taken there, as they were received.',
    ['destination'],
  )
  const seconds = counter('kurir_attempt_seconds_total', 'Time spent in tries of deliveries.', ['destination'])
  const calls = counter('kurir_service_calls_total', 'Calls of services, by how they ended.', [
    'service',
    'verb',
    'outcome',
  ])
  const callSeconds = counter('kurir_service_call_seconds_total', 'Time spent in calls of services.', ['service'])
  return {
    instanceAdmitted(door, bytes) {
      admitted.inc({ door })
      admittedBytes.inc({ door }, bytes)
    },
    instanceRefused: (door, reason) => refused.inc({ door, reason }),
    associationRefused: (reason) => associations.inc({ reason }),
    attemptEnded(destination, outcome, bytes, took) {
      attempts.inc({ destination, outcome })
      sentBytes.inc({ destination }, bytes)
      seconds.inc({ destination }, took / 1_000)
    },
    serviceCalled(service, verb, outcome, took) {
      calls.inc({ service, verb, outcome })
      callSeconds.inc({ service }, took / 1_000)
    },
  }
}

const QUANTILES = [
  ['0.5', 50],
  ['0.99', 99],
  ['0.999', 99.9],
  ['1', 100],
] as const

function processGauges(registry: Registry, delay: ReturnType<typeof monitorEventLoopDelay>): void {
  const registers = [registry]
  new Gauge({
    name: 'kurir_event_loop_delay_seconds',
    help: 'How late the event loop was since the last reading, by quantile.',
    labelNames: ['quantile'],
    registers,
    collect() {
      for (const [quantile, percent] of QUANTILES) this.set({ quantile }, delay.percentile(percent) / 1e9)
      delay.reset()
    },
  })
  new Gauge({
    name: 'kurir_resident_memory_bytes',
    help: 'Memory of the process.',
    registers,
    collect() {
      this.set(process.memoryUsage.rss())
    },
  })
  new Counter({
    name: 'kurir_cpu_seconds_total',
    help: 'CPU time of the process, user and system.',
    registers,
    collect() {
      const { user, system } = process.cpuUsage()
      this.reset()
      this.inc((user + system) / 1e6)
    },
  })
}
