import { KurirError } from '../base/failure.ts'
import { isBoundary, parseMediaType } from '../dicomweb/media-type.ts'
import { MultipartReader, type Part } from '../dicomweb/multipart-reader.ts'

/** One part of a form (RFC 7578). */
export type FormPart =
  | { readonly kind: 'file'; readonly body: AsyncIterable<Buffer> }
  | { readonly kind: 'field'; readonly name: string; readonly value: string }

const LONGEST_FIELD = 1_024
const NAME = /(?:^|;)[ \t]*name[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^;"]*))/i
const FILE_NAME = /;[ \t]*filename\*?[ \t]*=/i

/** The boundary of a form, or why there is none. */
export function formBoundary(
  contentType: string | undefined,
): { readonly boundary: string } | { readonly status: 400 | 415 } {
  const media = contentType === undefined ? undefined : parseMediaType(contentType)
  if (media?.type !== 'multipart/form-data') return { status: 415 }
  const boundary = media.parameters.get('boundary') ?? ''
  return isBoundary(boundary) ? { boundary } : { status: 400 }
}

/**
 * The parts of a form in their order. A file's body is to be read before the next part is asked for.
 *
 * @throws KurirError as `MultipartReader`, and `too-large` for a field of more than 1 KB
 */
export async function* formParts(body: AsyncIterable<Buffer>, boundary: string): AsyncGenerator<FormPart> {
  const reader = new MultipartReader(body, boundary)
  for (let part = await reader.next(); part !== undefined; part = await reader.next()) yield await formPart(part)
}

/** What has a file name is a file, and so is what is called `file`: some clients leave the name out. */
async function formPart({ headers, body }: Part): Promise<FormPart> {
  const disposition = headers.get('content-disposition') ?? ''
  const match = NAME.exec(disposition)
  const name = (match?.[1] ?? match?.[2] ?? '').trim().toLowerCase()
  if (FILE_NAME.test(disposition) || name === 'file') return { kind: 'file', body }
  return { kind: 'field', name, value: await shortText(body) }
}

async function shortText(body: AsyncIterable<Buffer>): Promise<string> {
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of body) {
    bytes += piece.length
    if (bytes > LONGEST_FIELD) throw new KurirError('too-large', 'permanent', 'a field of the form is too long')
    pieces.push(Buffer.from(piece))
  }
  return Buffer.concat(pieces).toString('utf8').trim()
}
