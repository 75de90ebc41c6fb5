import { DICOM_JSON, DICOM_XML, UID, uidParameters } from '../dicomweb/shapes.ts'
import { answer, BYTES, type Operation, refusals } from '../http/operation.ts'

const STORE_ANSWER = {
  'application/dicom+json': { ...DICOM_JSON, description: 'Store Instances Response (PS3.18 10.5.3).' },
  'application/dicom+xml': DICOM_XML,
} as const

const stored = (description: string) => answer(description, STORE_ANSWER)

const STORE_ANSWERS = {
  200: stored('All instances are stored.'),
  202: stored(
    'Some are stored. (0008,1198) and (0008,119A) say what is not and why; a Warning, where the body broke off.',
  ),
  204: answer('No instance was in the body.'),
  409: stored('Well formed, but none could be stored.'),
  507: stored('There is no room; Retry-After says when to come again.'),
  ...refusals(400, 401, 403, 408, 413, 415, 429, 503),
} as const

/** What a store takes (PS3.18 10.5.2). */
export const STORE_BODIES = {
  'application/dicom': BYTES,
  'multipart/related; type="application/dicom"': BYTES,
  'multipart/related; type="application/dicom+json"': BYTES,
  'multipart/related; type="application/dicom+xml"': BYTES,
  'application/dicom+json': { type: 'array', items: DICOM_JSON },
} as const

const STORE = 'Bodies may be compressed (Content-Encoding: gzip or deflate), and are read as they come. Role INGEST.'

export const STORE_INSTANCES = {
  operationId: 'storeInstances',
  tags: ['store'],
  summary: 'Store instances (STOW-RS)',
  description: `PS3.18 10.5. 200 means that all of it is safe on disk and on record. ${STORE}`,
  response: STORE_ANSWERS,
} as const satisfies Operation

export const STORE_STUDY = {
  ...STORE_INSTANCES,
  operationId: 'storeStudy',
  summary: 'Store instances of one study (STOW-RS)',
  description: `PS3.18 10.5. An instance of another study is not stored. ${STORE}`,
  params: uidParameters('study'),
} as const satisfies Operation

/** What is none belongs to no destination, and is answered 404 as any other that is not known. */
const AE_TITLE = { type: 'string', description: 'An AE title: 1 to 16 characters of ASCII and no backslash.' } as const

export const RELAY = {
  operationId: 'relayInstances',
  tags: ['store'],
  summary: 'Store instances and forward them to one archive at once',
  description: `Forwards by C-STORE to the destination of the rules that is called scp, and calls itself scu; the answer says what that archive answered. ${STORE}`,
  params: {
    type: 'object',
    required: ['scu', 'scp'],
    properties: { scu: AE_TITLE, scp: AE_TITLE },
  },
  querystring: {
    type: 'object',
    properties: {
      wait: {
        type: 'number',
        minimum: 0,
        maximum: 600,
        default: 60,
        description: 'wait is a number of seconds, at most 600: how long the answer waits for the archive.',
      },
    },
  },
  response: {
    ...STORE_ANSWERS,
    200: stored('The archive has all of it.'),
    202: stored('What is listed as stored is safe here; the archive has not taken it yet, or refused some of it.'),
    206: stored('The archive has some of it; the rest is safe here and stays queued. Location names the study.'),
    409: stored('None could be stored, or the archive refused all of it.'),
    ...refusals(404),
  },
} as const satisfies Operation

const TRANSFER = {
  type: 'object',
  properties: {
    study: { type: ['string', 'null'] },
    instance: { type: 'string', description: 'SOP Instance UID.' },
    status: { type: 'string', const: 'accepted' },
  },
} as const

const REFUSED = {
  type: 'object',
  properties: {
    file: { type: 'string', description: 'By its place: "file 2", "file 1, entry 17".' },
    reason: { type: 'string' },
  },
} as const

const UPLOAD_ANSWER = {
  type: 'object',
  required: ['status', 'correlation_id'],
  properties: {
    status: { type: 'string', enum: ['success', 'partial', 'error'] },
    message: { type: 'string' },
    study: { ...UID, description: 'Of the first instance that was taken.' },
    studies: { type: 'array', items: { type: 'string' } },
    transfers: { type: 'array', items: TRANSFER },
    refused: { type: 'array', items: REFUSED },
    refused_unlisted: { type: 'integer', description: 'How many more were refused than are listed.' },
    correlation_id: { type: 'string' },
  },
} as const

const uploaded = (description: string) => answer(description, { 'application/json': UPLOAD_ANSWER })

/** A form whose files are what is uploaded. */
export const UPLOAD_BODIES = {
  'multipart/form-data': {
    type: 'object',
    properties: {
      file: {
        type: 'array',
        items: BYTES,
        description: 'Part 10 files, or ZIP archives of them; as many as there are.',
      },
      patientid: { type: 'string', maxLength: 64, description: 'Set as PatientID in all of them.' },
      acc: { type: 'string', maxLength: 16, description: 'Set as AccessionNumber in all of them.' },
    },
  },
} as const

export const UPLOAD = {
  operationId: 'upload',
  tags: ['store'],
  summary: 'Upload files or ZIP archives from a form',
  description:
    'Each file is taken by itself; the answer names what was accepted, all of it safe, and what was not. Role INGEST.',
  response: {
    ...refusals(401, 403, 415, 429),
    200: uploaded('All of it was taken.'),
    207: uploaded('Some of it was taken; "refused" says what was not and why.'),
    400: uploaded('There is no DICOM file in it that can be taken.'),
    408: uploaded('It took too long to arrive.'),
    409: uploaded('Other bytes are here under the same SOP Instance UID.'),
    413: uploaded('It is larger than is taken.'),
    503: uploaded('It cannot be taken now; Retry-After says when to come again.'),
    507: uploaded('There is no room; Retry-After says when to come again.'),
  },
} as const satisfies Operation
