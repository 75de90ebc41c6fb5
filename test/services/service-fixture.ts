import { Place } from '../../src/rules/place.ts'
import { readSource } from '../../src/rules/rule-source.ts'
import { compileService } from '../../src/rules/service.ts'
import type { CallOutcome, ServiceCall, ServiceSettings } from '../../src/services/call.ts'
import { HttpServices } from '../../src/services/http-services.ts'
import { ReadableLog } from '../admin/admin-fixture.ts'
import { TestClock } from '../support/test-clock.ts'

const CALLS = `
    calls:
      order: { get: "/orders/{accession}", keep: { patient_id: /data/patient/mrn, patient_name: /data/patient/name, ward: /data/ward } }
      there: { get: "/orders/{accession}" }
      arrived: { post: /studies, body: { accession: "{accession}" }, accept: [200, 201], already: [406, 409] }
      plain: { post: "/studies?x={x}", form: { accession: "{accession}" } }
`

/** The services of a rule file, as the loader reads them. */
export function servicesOf(http: string, calls = CALLS): ReadonlyMap<string, ServiceSettings> {
  const text = `services:\n  his:\n    http: { ${http} }${calls}`
  const { source } = readSource({ name: 'rules/10.yaml', bytes: Buffer.from(text) })
  if (source === undefined) throw new Error(text)
  const problems: { readonly message: string }[] = []
  const place = new Place(source, [])
  const service = compileService('his', place.at('services').at('his'), {}, new Set())
  if (service === undefined) throw new Error(`${problems.map(({ message }) => message)} ${text}`)
  return new Map([['his', service]])
}

/** The services room with a clock and a log of the test's own. */
export class ServicesAtWork implements AsyncDisposable {
  readonly clock = new TestClock()
  readonly log = new ReadableLog()
  readonly returned: string[] = []
  readonly counted: string[] = []
  readonly services: HttpServices
  settings: ReadonlyMap<string, ServiceSettings>

  constructor(settings: ReadonlyMap<string, ServiceSettings>) {
    this.settings = settings
    const { clock, log } = this
    const meter = {
      serviceCalled: (...[service, verb, outcome]: readonly [string, string, string, number]) => {
        this.counted.push(`${service} ${verb} ${outcome}`)
      },
    }
    this.services = new HttpServices({ settings: () => this.settings, clock, log, meter, random: () => 0.5 })
    this.services.onReturn((service) => this.returned.push(service))
  }

  ask(call: string, values: Readonly<Record<string, string>>, signal = never): Promise<CallOutcome> {
    return this.services.ask(callOf(call, values), signal)
  }

  tell(call: string, values: Readonly<Record<string, string>>, signal = never): Promise<CallOutcome> {
    return this.services.tell(callOf(call, values), signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.services[Symbol.asyncDispose]()
  }
}

export const never = new AbortController().signal

const callOf = (call: string, values: Readonly<Record<string, string>>): ServiceCall => ({
  service: 'his',
  call,
  arguments: values,
})
