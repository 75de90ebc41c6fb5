import { type Tag, tagOf } from '../dicom/attribute-path.ts'
import { unpackHeader } from '../dicom/header-pack.ts'
import type { SpooledViews } from '../ledger/spooled.ts'
import { headerJson, type JsonDataSet } from './header-json.ts'
import type { QidoQuery } from './qido-query.ts'
import { isOneOf, type QidoLevel, type QidoMatch } from './qido-search.ts'

const tags = (...numbers: readonly number[]): readonly Tag[] =>
  numbers.map((number) => tagOf(number >>> 16, number & 0xffff))

/** What every answer has where the instance has it (PS3.18 tables 10.6.3-3 to 10.6.3-5). */
const OF_STUDY = tags(
  ...[0x00080005, 0x00080020, 0x00080030, 0x00080050, 0x00080090, 0x00080201, 0x00081030],
  ...[0x00100010, 0x00100020, 0x00100030, 0x00100040, 0x0020000d, 0x00200010],
)
const OF_SERIES = tags(
  0x00080005,
  0x00080060,
  0x00080201,
  0x0008103e,
  0x0020000e,
  0x00200011,
  0x00400244,
  0x00400245,
  0x00400275,
)
const OF_INSTANCE = tags(
  0x00080005,
  0x00080016,
  0x00080018,
  0x00080201,
  0x00200013,
  0x00280008,
  0x00280010,
  0x00280011,
  0x00280100,
)

/** @param origin `https://host` that the caller reached us by */
export async function qidoAnswer(
  views: Pick<SpooledViews, 'spooledCounts'>,
  level: QidoLevel,
  query: QidoQuery,
  { instance, modalities }: QidoMatch,
  origin: string,
  scoped: boolean,
): Promise<JsonDataSet> {
  const wanted = new Set<number>([...attributesOf(level, scoped), ...(query.include === 'all' ? [] : query.include)])
  const json = headerJson(unpackHeader(instance.header), query.include === 'all' ? undefined : isOneOf(wanted))
  const { studyInstanceUid, seriesInstanceUid, sopInstanceUid } = instance.identity
  const study = studyInstanceUid ?? ''
  const series = seriesInstanceUid ?? ''
  json['00080056'] = { vr: 'CS', Value: ['ONLINE'] }
  let url = `${origin}/studies/${study}`
  if (level === 'study') {
    const counts = await views.spooledCounts({ studyInstanceUid: study })
    json['00080061'] = modalities.length === 0 ? { vr: 'CS' } : { vr: 'CS', Value: modalities }
    json['00201206'] = { vr: 'IS', Value: [counts.series] }
    json['00201208'] = { vr: 'IS', Value: [counts.instances] }
  } else url += `/series/${series}`
  if (level === 'series') {
    const counts = await views.spooledCounts({ studyInstanceUid: study, seriesInstanceUid: series })
    json['00201209'] = { vr: 'IS', Value: [counts.instances] }
  }
  if (level === 'instance') {
    url += `/instances/${sopInstanceUid}`
    json['00083002'] = { vr: 'UI', Value: [instance.identity.transferSyntaxUid] }
  }
  json['00081190'] = { vr: 'UR', Value: [url] }
  return json
}

/** What stands above the level is told too, where the address does not say of which study it is. */
function attributesOf(level: QidoLevel, scoped: boolean): readonly Tag[] {
  const above = tags(0x0020000d, 0x0020000e)
  switch (level) {
    case 'study':
      return OF_STUDY
    case 'series':
      return [...OF_SERIES, ...above, ...(scoped ? [] : OF_STUDY)]
    case 'instance':
      return [...OF_INSTANCE, ...above, ...(scoped ? [] : [...OF_STUDY, ...OF_SERIES])]
    default:
      return level satisfies never
  }
}
