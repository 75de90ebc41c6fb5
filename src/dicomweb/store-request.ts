import { type ContentEncoding, contentEncodingOf } from './content-encoding.ts'
import { isBoundary, parseMediaType } from './media-type.ts'

/** What the parts of a store may be (PS3.18 10.5.1, 8.7.3). */
export const PART_TYPES = ['application/dicom', 'application/dicom+json', 'application/dicom+xml'] as const
export type PartType = (typeof PART_TYPES)[number]

/** How a store's body is to be read. */
export interface StoreRequest {
  /** Undefined: the body is one part. */
  readonly boundary: string | undefined
  /** What the parts are unless they say otherwise. */
  readonly partType: PartType
  readonly encoding: ContentEncoding
}

/** Why a body is not read at all, in a sentence that holds nothing of it. */
export interface RefusedRequest {
  readonly status: 400 | 415
  readonly sentence: string
}

const TAKEN = `Taken are ${PART_TYPES.join(', ')}, in multipart/related or one alone; not encoded, or as gzip or deflate.`

/** Reads the headers of a store (PS3.18 10.5.1). */
export function readStoreRequest(
  contentType: string | undefined,
  contentEncoding: string | undefined,
): StoreRequest | RefusedRequest {
  const media = contentType === undefined ? undefined : parseMediaType(contentType)
  if (media === undefined) return { status: 415, sentence: `The Content-Type is missing or none. ${TAKEN}` }
  const encoding = contentEncodingOf(contentEncoding)
  if (encoding === undefined) return { status: 415, sentence: `The Content-Encoding is not known here. ${TAKEN}` }
  if (media.type !== 'multipart/related') {
    const partType = partTypeOf(media.type)
    return partType === undefined ? notTaken : { boundary: undefined, partType, encoding }
  }
  const boundary = media.parameters.get('boundary')
  if (boundary === undefined || !isBoundary(boundary)) {
    return {
      status: 400,
      sentence: 'The boundary is missing, longer than 70 characters, or has some that it may not have.',
    }
  }
  // Left out, each part tells; RFC 2387 wants it, not every client gives it.
  const partType = partTypeOf(media.parameters.get('type') ?? 'application/dicom')
  return partType === undefined ? notTaken : { boundary, partType, encoding }
}

const notTaken: RefusedRequest = { status: 415, sentence: `This kind of body is not taken. ${TAKEN}` }

/** Undefined for what cannot be stored. */
export function partTypeOf(type: string): PartType | undefined {
  const wanted = type.toLowerCase()
  return PART_TYPES.find((known) => known === wanted)
}
