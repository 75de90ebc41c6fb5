// Bodies of STOW-RS requests, for tests and benches. No jest in here.
export interface MadePart {
  readonly headers?: Readonly<Record<string, string>>
  readonly body: Buffer | string
}

/** Between the parts of `related`. */
export const BOUNDARY = 'kurir-test'

/** A part of one Part 10 file. */
export const dicomPart = (body: Buffer): MadePart => ({ headers: { 'Content-Type': 'application/dicom' }, body })

/** A multipart/related body of these parts. */
export function related(parts: readonly MadePart[], boundary = BOUNDARY): Buffer {
  const pieces = parts.flatMap(({ headers = {}, body }) => [
    `--${boundary}\r\n${Object.entries(headers)
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join('')}\r\n`,
    body,
    '\r\n',
  ])
  return Buffer.concat([...pieces, `--${boundary}--\r\n`].map((piece) => Buffer.from(piece)))
}

/** The Content-Type of such a body. */
export const relatedType = (type = 'application/dicom', boundary = BOUNDARY): Readonly<Record<string, string>> => ({
  'content-type': `multipart/related; type="${type}"; boundary=${boundary}`,
})
