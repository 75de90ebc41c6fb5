import { type AttributePath, type Tag, tagOf } from '../dicom/attribute-path.ts'
import { unpackHeader } from '../dicom/header-pack.ts'
import type {
  SpooledInstance,
  SpooledStudy,
  SpooledStudySelection,
  SpooledViews,
  SpoolPlace,
} from '../ledger/spooled.ts'
import { isMatch } from './qido-match.ts'
import { exactValue, type QidoKey, type QidoQuery } from './qido-query.ts'
import { spooledInstances } from './spool-walk.ts'

export const QIDO_LEVELS = ['study', 'series', 'instance'] as const
export type QidoLevel = (typeof QIDO_LEVELS)[number]

/** One result: the instance that speaks for it, and of what study it is. */
export interface QidoMatch {
  readonly instance: SpooledInstance
  readonly modalities: readonly string[]
}

export interface QidoResult {
  readonly matches: readonly QidoMatch[]
  /** Whether there is more behind them. */
  readonly more: boolean
  /** Whether the search stopped before it had looked at everything. */
  readonly cut: boolean
}

/** How many rows a search may look at: what no index finds is not looked for without end. */
const MOST_EXAMINED = 5_000
const STUDIES_AT_ONCE = 50

const STUDY_INSTANCE_UID = tagOf(0x0020, 0x000d)
const SERIES_INSTANCE_UID = tagOf(0x0020, 0x000e)
const SOP_INSTANCE_UID = tagOf(0x0008, 0x0018)
const ACCESSION_NUMBER = tagOf(0x0008, 0x0050)
const MODALITY = tagOf(0x0008, 0x0060)
const PATIENT_ID = tagOf(0x0010, 0x0020)
const MODALITIES_IN_STUDY = tagOf(0x0008, 0x0061)

/** Searches what the spool holds, newest studies first. */
export async function searchSpool(views: SpooledViews, level: QidoLevel, query: QidoQuery): Promise<QidoResult> {
  const matches: QidoMatch[] = []
  let examined = 0
  let skipped = 0
  for await (const candidate of candidates(views, level, query)) {
    examined += 1
    if (examined > MOST_EXAMINED) return { matches, more: false, cut: true }
    if (!fits(candidate, level, query.keys)) continue
    if (skipped < query.offset) skipped += 1
    else if (matches.length < query.limit) matches.push(candidate)
    else return { matches, more: true, cut: false }
  }
  return { matches, more: false, cut: false }
}

async function* candidates(views: SpooledViews, level: QidoLevel, query: QidoQuery): AsyncGenerator<QidoMatch> {
  const sopInstanceUid = exactValue(query, SOP_INSTANCE_UID)
  if (level === 'instance' && sopInstanceUid !== undefined) {
    for await (const instance of spooledInstances(views, { sopInstanceUid })) yield await withStudy(views, instance)
    return
  }
  for await (const study of studies(views, query)) yield* within(views, level, query, study)
}

async function withStudy(views: SpooledViews, instance: SpooledInstance): Promise<QidoMatch> {
  const studyInstanceUid = instance.identity.studyInstanceUid ?? ''
  const [found] = await views.spooledStudies({ studyInstanceUid }, 1)
  return { instance, modalities: found?.modalities ?? [] }
}

async function* within(
  views: SpooledViews,
  level: QidoLevel,
  query: QidoQuery,
  { studyInstanceUid, modalities, sample }: SpooledStudy,
): AsyncGenerator<QidoMatch> {
  if (sample === undefined) return
  switch (level) {
    case 'study':
      yield { instance: sample, modalities }
      return
    case 'series':
      for (const instance of await views.spooledSeries(studyInstanceUid)) yield { instance, modalities }
      return
    case 'instance': {
      const series = exactValue(query, SERIES_INSTANCE_UID)
      const selection = { studyInstanceUid, ...(series === undefined ? {} : { seriesInstanceUid: series }) }
      for await (const instance of spooledInstances(views, selection)) yield { instance, modalities }
      return
    }
    default:
      level satisfies never
  }
}

async function* studies(views: SpooledViews, query: QidoQuery): AsyncGenerator<SpooledStudy> {
  for (const selection of selectionsOf(query)) {
    let after: SpoolPlace | undefined
    for (;;) {
      const page = await views.spooledStudies(selection, STUDIES_AT_ONCE, after)
      yield* page
      after = page.at(-1)?.place
      if (page.length < STUDIES_AT_ONCE) break
    }
  }
}

/** What an index finds: each of a list of study UIDs, an accession number, a patient ID. */
function selectionsOf(query: QidoQuery): readonly SpooledStudySelection[] {
  const uids = query.keys.find(({ path }) => path.length === 1 && path[0]?.tag === STUDY_INSTANCE_UID)
  if (uids !== undefined)
    return [...new Set(uids.value.split(/[\\,]/))].map((uid) => ({ studyInstanceUid: uid.trim() }))
  const accessionNumber = exactValue(query, ACCESSION_NUMBER)
  if (accessionNumber !== undefined) return [{ accessionNumber }]
  const patientId = exactValue(query, PATIENT_ID)
  return patientId === undefined ? [{}] : [{ patientId }]
}

function fits({ instance, modalities }: QidoMatch, level: QidoLevel, keys: readonly QidoKey[]): boolean {
  if (keys.length === 0) return true
  const header = unpackHeader(instance.header)
  return keys.every((key) => isMatch(key, isOfStudy(key.path, level) ? modalities : (header.values(key.path) ?? [])))
}

/** What a study's instances have between them stands in none, and which of them speaks for the study says nothing of it. */
function isOfStudy(path: AttributePath, level: QidoLevel): boolean {
  const [first] = path
  if (path.length !== 1 || first === undefined) return false
  return first.tag === MODALITIES_IN_STUDY || (level === 'study' && first.tag === MODALITY)
}

export const isOneOf =
  (tags: ReadonlySet<number>) =>
  (tag: Tag): boolean =>
    tags.has(tag)
