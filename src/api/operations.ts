import { DICOM_JSON, UID, uidParameters } from '../dicomweb/shapes.ts'
import { answer, BYTES, type Operation, refusals } from '../http/operation.ts'
import type { QidoLevel } from './qido-search.ts'

const DATA_SETS = { type: 'array', items: DICOM_JSON } as const
const READER = 'Role INTEGRATOR or PHI_READER; what is read is on record.'

/** Some of the attributes that can be searched by; any other of PS3.6 may be given too. */
const KEYS = [
  'StudyInstanceUID',
  'SeriesInstanceUID',
  'SOPInstanceUID',
  'PatientID',
  'PatientName',
  'AccessionNumber',
  'StudyDate',
  'ModalitiesInStudy',
  'Modality',
] as const

const SEARCH_QUERY = {
  type: 'object',
  properties: {
    ...Object.fromEntries(KEYS.map((key) => [key, { type: 'string', description: `${key} is given once.` }])),
    includefield: {
      type: 'array',
      items: { type: 'string' },
      description: 'Attributes beside what every answer has, by keyword or tag; or all.',
    },
    limit: { type: 'integer', minimum: 0, description: 'limit is a whole number. 100 unless said, 200 at most.' },
    offset: { type: 'integer', minimum: 0, description: 'offset is a whole number, 10000 at most.' },
    fuzzymatching: { type: 'string', description: 'Not done; a Warning says so.' },
  },
} as const

const SEARCHED = {
  ...refusals(400, 401, 403, 406),
  200: answer('What was found, newest studies first. A Warning says where there is more.', {
    'application/dicom+json': DATA_SETS,
  }),
  204: answer('Nothing was found.'),
} as const

/** QIDO-RS (PS3.18 10.6). @param within UIDs in the path */
export function searchOperation(level: QidoLevel, within: readonly string[]): Operation {
  const plural = { study: 'Studies', series: 'Series', instance: 'Instances' }[level]
  const scope = { 0: '', 1: 'OfStudy', 2: 'OfSeries' }[within.length] ?? ''
  return {
    operationId: `search${plural}${scope}`,
    tags: ['search'],
    summary: `Search ${plural.toLowerCase()}${within.length === 0 ? '' : ` of a ${within.at(-1)}`} (QIDO-RS)`,
    description: `PS3.18 10.6, over what the spool holds. Attributes of PS3.6 by keyword or tag, with * and ? and ranges. ${READER}`,
    ...(within.length === 0 ? {} : { params: uidParameters(...within) }),
    querystring: SEARCH_QUERY,
    response: SEARCHED,
  }
}

const ACCEPT_QUERY = {
  type: 'object',
  properties: { accept: { type: 'string', description: 'accept is given once; it stands for the Accept header.' } },
} as const

const RETRIEVED = {
  'multipart/related; type="application/dicom"': BYTES,
  'application/dicom': BYTES,
  'application/zip': BYTES,
} as const

type RetrieveLevel = 'Study' | 'Series' | 'Instance'
const A = { Study: 'a study', Series: 'a series', Instance: 'an instance' } as const satisfies Record<
  RetrieveLevel,
  string
>

/** WADO-RS (PS3.18 10.4). */
export function retrieveOperation(level: RetrieveLevel, within: readonly string[]): Operation {
  return {
    operationId: `retrieve${level}`,
    tags: ['retrieve'],
    summary: `Fetch ${A[level]} (WADO-RS)`,
    description: `PS3.18 10.4. Native data sets in Explicit VR Little Endian unless Accept asks otherwise. ${READER}`,
    params: uidParameters(...within),
    querystring: ACCEPT_QUERY,
    response: {
      ...refusals(400, 401, 403, 404, 406, 413),
      200: answer('All of it.', RETRIEVED),
      206: answer('What of it can be given in a transfer syntax that was asked for.', RETRIEVED),
    },
  }
}

/** WADO-RS metadata (PS3.18 10.4.1.1.2). */
export function metadataOperation(level: RetrieveLevel, within: readonly string[]): Operation {
  return {
    operationId: `retrieve${level}Metadata`,
    tags: ['retrieve'],
    summary: `Read the metadata of ${A[level]} (WADO-RS)`,
    description: `What stands before the pixel data. ${READER}`,
    params: uidParameters(...within),
    querystring: ACCEPT_QUERY,
    response: {
      ...refusals(400, 401, 403, 404, 406),
      200: answer('One data set an instance.', { 'application/dicom+json': DATA_SETS }),
    },
  }
}

export const WADO_URI = {
  operationId: 'retrieveByUri',
  tags: ['retrieve'],
  summary: 'Fetch one instance (WADO-URI)',
  description: `PS3.18 9. ${READER}`,
  querystring: {
    type: 'object',
    description: 'It needs requestType=WADO, studyUID, seriesUID and objectUID.',
    required: ['requestType', 'studyUID', 'seriesUID', 'objectUID'],
    properties: {
      requestType: { type: 'string', const: 'WADO', description: 'requestType is WADO.' },
      studyUID: UID,
      seriesUID: UID,
      objectUID: UID,
      contentType: { type: 'string', description: 'contentType is application/dicom, which is all there is.' },
      transferSyntax: {
        type: 'string',
        description: 'transferSyntax is a UID; Explicit VR Little Endian unless said.',
      },
    },
  },
  response: {
    ...refusals(400, 401, 403, 404, 406),
    200: answer('A Part 10 file.', { 'application/dicom': BYTES }),
  },
} as const satisfies Operation

export const DOWNLOAD = {
  operationId: 'download',
  tags: ['retrieve'],
  summary: 'Download a study, a series or an instance as it is stored',
  description: `From the spool: one instance is a Part 10 file, several are a ZIP archive. ${READER}`,
  params: uidParameters('uid'),
  response: {
    ...refusals(400, 401, 403, 404, 413),
    200: answer('An attachment.', { 'application/dicom': BYTES, 'application/zip': BYTES }),
  },
} as const satisfies Operation

const STATE = {
  'application/json': { type: 'object', properties: { status: { type: 'string', enum: ['ok', 'unavailable'] } } },
} as const

export const HEALTH = {
  operationId: 'health',
  tags: ['state'],
  summary: 'Whether instances are taken now',
  security: [],
  response: { 200: answer('They are.', STATE), 503: answer('They are not.', STATE) },
} as const satisfies Operation

export const VERSION = {
  operationId: 'version',
  tags: ['state'],
  summary: 'Which version this is',
  security: [],
  response: {
    200: answer('Name and version.', {
      'application/json': {
        type: 'object',
        properties: { name: { type: 'string' }, version: { type: 'string' } },
      },
    }),
  },
} as const satisfies Operation
