// A site whose HIS knows who the patient is: rules in the manner of the shipped sample, two folders that images go to, and
// studies to send.
import { mkdir, readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { ctInstance } from './data-set.ts'
import type { HisDouble } from './his-double.ts'

/** Everything goes to the archive; what HIS knows goes to the cloud with its identity put right; HIS is told of each study. */
export const hisRules = (home: string, quiet = '500ms'): string => `version: 1
study: { quiet: ${quiet} }
callers: { anybody: { ae: "*" } }
destinations:
  archive: { folder: { path: ${JSON.stringify(path.join(home, 'archive'))} } }
  cloud: { folder: { path: ${JSON.stringify(path.join(home, 'cloud'))} } }
services:
  his:
    http: { url: "\${HIS_URL}", timeout: 2s, retry: { first: 100ms, longest: 1s, give_up_after: 1d } }
    calls:
      order: { get: "/orders/{accession}", keep: { patient_id: /data/patient/mrn, patient_name: /data/patient/name, ward: /data/ward } }
      arrived: { post: /studies, body: { accession: "{accession}", images: "{images}" }, accept: [200, 201], already: [406, 409] }
rules:
  - name: archive
    forward: [archive]
  - name: reconcile
    match: { AccessionNumber: { matches: "RS[0-9]{6}" } }
    lookup: { order: { call: his.order, with: { accession: "{AccessionNumber}" }, on_missing: continue } }
    rules:
      - name: reconcile / known
        match: { order.found: true }
        rewrite:
          - set: { PatientID: "{order.patient_id}", PatientName: "{order.patient_name}" }
        forward: [cloud]
      - name: reconcile / unknown
        match: { order.found: false }
        hold: no order in HIS for this accession number
  - name: tell
    on: study
    match: { AccessionNumber: { present: true } }
    notify: [ { call: his.arrived, with: { accession: "{AccessionNumber}", images: "{instance_count}" } } ]
`

export const accessionOf = (study: number): string => `RS${String(study).padStart(6, '0')}`

/** The images of some studies, study by study, under accession numbers RS000001 and so on. */
export function* studies(count: number, images: number, sizeBytes = 1_024): Generator<Buffer> {
  for (let study = 1; study <= count; study++) {
    for (let image = 1; image <= images; image++) {
      const uid = `1.2.826.0.1.3680043.8.498.77.${study}`
      const of = { studyInstanceUid: uid, seriesInstanceUid: `${uid}.1`, sopInstanceUid: `${uid}.1.${image}` }
      const who = { accessionNumber: accessionOf(study), patientId: `TMP-${study}`, patientName: 'SALAH^NAMA' }
      yield ctInstance({ ...of, ...who, instanceNumber: image, sizeBytes }).file
    }
  }
}

/** Gives HIS the orders of studies 1 to `count`. */
export function knowOrders(his: HisDouble, count: number): void {
  for (let study = 1; study <= count; study++) {
    his.orders.set(accessionOf(study), { mrn: `00-12-${study}`, name: `SARI^DEWI^${study}`, ward: 'ICU' })
  }
}

/** The files below a folder of the site. */
export async function filesIn(home: string, folder: string): Promise<readonly Buffer[]> {
  const dir = path.join(home, folder)
  await mkdir(dir, { recursive: true })
  const names = await readdir(dir, { recursive: true })
  return await Promise.all(names.filter((name) => name.endsWith('.dcm')).map((name) => readFile(path.join(dir, name))))
}

/** Resolves when it holds; a process from outside can only be asked again. */
export async function untilHolds(holds: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 50))
}
