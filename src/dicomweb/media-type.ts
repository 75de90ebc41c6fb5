/** A Content-Type as RFC 9110 8.3 writes it: names in lower case, values as they stand, quotes taken off. */
export interface MediaType {
  /** `multipart/related`. */
  readonly type: string
  readonly parameters: ReadonlyMap<string, string>
}

const TYPE = /^\s*([!#$%&'*+.^_`|~\w-]+\/[!#$%&'*+.^_`|~\w-]+)\s*(?:;|$)/
// A bare value ends at the next semicolon: clients leave the quotes out around `application/dicom`, which is no token.
const PARAMETER = /\s*([!#$%&'*+.^_`|~\w-]+)\s*=\s*(?:"((?:[^"\\]|\\[\s\S])*)"|([^;"]*))\s*(?:;|$)/y
// A parameter may be left out between two semicolons (RFC 9110 5.6.6).
const NO_PARAMETER = /\s*;/y
const LONGEST = 1_024

/** Undefined for what is no media type. */
export function parseMediaType(text: string): MediaType | undefined {
  const type = text.length > LONGEST ? undefined : TYPE.exec(text)
  if (type?.[1] === undefined) return undefined
  const parameters = new Map<string, string>()
  for (let at = type[0].length; text.slice(at).trim() !== ''; ) {
    NO_PARAMETER.lastIndex = at
    if (NO_PARAMETER.test(text)) {
      at = NO_PARAMETER.lastIndex
      continue
    }
    PARAMETER.lastIndex = at
    const match = PARAMETER.exec(text)
    if (match?.[1] === undefined) return undefined
    const value = match[2]?.replace(/\\([\s\S])/g, '$1') ?? (match[3] ?? '').trim()
    const name = match[1].toLowerCase()
    if (!parameters.has(name)) parameters.set(name, value)
    at = PARAMETER.lastIndex
  }
  return { type: type[1].toLowerCase(), parameters }
}

// RFC 2046 5.1.1: up to 70 characters, the last of which is no space.
const BOUNDARY = /^[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]$/

// Orthanc's DICOMweb plug-in joins two UUIDs, three characters more than there may be.
const TWO_UUIDS = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Whether a multipart body may be divided by it. */
export const isBoundary = (text: string): boolean => BOUNDARY.test(text) || TWO_UUIDS.test(text)

/** The form of a store's answer that an Accept header prefers (PS3.18 8.3.2, 10.5.3); JSON unless XML is wanted more. */
export function preferredModel(accept: string | undefined): 'json' | 'xml' {
  let best: { readonly model: 'json' | 'xml'; readonly quality: number } | undefined
  for (const range of (accept ?? '').split(',').slice(0, 64)) {
    const parsed = parseMediaType(range)
    const model = parsed === undefined ? undefined : MODELS[modelType(parsed)]
    const quality = Number(parsed?.parameters.get('q') ?? '1')
    if (model !== undefined && quality > (best?.quality ?? 0)) best = { model, quality }
  }
  return best?.model ?? 'json'
}

/** Some clients ask for `multipart/related; type="application/dicom+xml"` here too. */
const modelType = ({ type, parameters }: MediaType): string =>
  type === 'multipart/related' ? (parameters.get('type') ?? '').toLowerCase() : type

const MODELS: Readonly<Record<string, 'json' | 'xml'>> = {
  'application/dicom+json': 'json',
  'application/json': 'json',
  'application/*': 'json',
  '*/*': 'json',
  'application/dicom+xml': 'xml',
  'application/xml': 'xml',
  'text/xml': 'xml',
}
