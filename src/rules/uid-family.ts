import { type AttributePath, type Tag, tagOf } from '../dicom/attribute-path.ts'
import { lookUpKeyword, nameOfTag } from '../dicom/dictionary.ts'

const REFERENCED_SOP_INSTANCE_UID = tagOf(0x0008, 0x1155)
const UID = tagOf(0x0040, 0xa124)
// In these a Referenced SOP Instance UID is a Study Instance UID (PS3.3 10.6, C.8.8.5).
const STUDY_REFERENCES: ReadonlySet<number> = new Set([tagOf(0x0008, 0x1110), tagOf(0x3006, 0x0012)])
// Content items whose UID value is one of a study or series (PS3.16: TID 1001 and those that use it).
const CONCEPTS: ReadonlyMap<string, string> = new Map([
  ['121018', 'StudyInstanceUID'],
  ['112002', 'SeriesInstanceUID'],
])

/** Attributes whose UIDs name the same things, the first being what the family is called by. */
// biome-ignore format: a table is read by rows
const FAMILIES: readonly (readonly string[])[] = [
  ['StudyInstanceUID'],
  ['SeriesInstanceUID'],
  ['SOPInstanceUID', 'ReferencedSOPInstanceUID', 'MultiFrameSourceSOPInstanceUID', 'SOPInstanceUIDOfConcatenationSource',
    'FailedSOPInstanceUIDList', 'ReferencedSOPInstanceUIDInFile', 'ReferencedColorPaletteInstanceUID'],
  ['FrameOfReferenceUID', 'ReferencedFrameOfReferenceUID', 'RelatedFrameOfReferenceUID', 'TargetFrameOfReferenceUID',
    'SourceFrameOfReferenceUID', 'VolumeFrameOfReferenceUID', 'TableFrameOfReferenceUID', 'EquipmentFrameOfReferenceUID'],
  ['ObservationUID', 'ReferencedObservationUIDTrial'],
  ['FiducialUID', 'ReferencedFiducialUID', 'ReferencedFiducialsUID'],
  ['DoseReferenceUID', 'ReferencedDoseReferenceUID'],
  ['TreatmentPositionGroupUID', 'ReferencedTreatmentPositionGroupUID'],
  ['ConceptualVolumeUID', 'ReferencedConceptualVolumeUID', 'ConstituentConceptualVolumeUID', 'SourceConceptualVolumeUID'],
  ['DosimetricObjectiveUID', 'ReferencedDosimetricObjectiveUID'],
  ['AssertionUID', 'ReferencedAssertionUID'],
]

// What a thing is, how it is written or which code it has is the same for everybody.
const KINDS = /SOPClass|TransferSyntax|CodingScheme|^ContextUID$|MappingResource|ExtensionCreator|ExtensionOrganization/

/** Whether UIDs of the attribute name kinds of things, which no mapping may change. */
export const namesKind = (tag: Tag): boolean => KINDS.test(nameOfTag(tag))

/** What the families of these attributes are called. */
export const familiesOf = (tags: readonly Tag[]): ReadonlySet<string> =>
  new Set(tags.map((tag) => familyByTag().get(tag) ?? nameOfTag(tag)))

let byTag: ReadonlyMap<number, string> | undefined

// Made at first use, as the dictionary is.
function familyByTag(): ReadonlyMap<number, string> {
  byTag ??= new Map(
    FAMILIES.flatMap(([family = '', ...others]) =>
      [family, ...others].flatMap((keyword) => {
        const entry = lookUpKeyword(keyword)
        return entry === undefined ? [] : [[entry.tag, family] as const]
      }),
    ),
  )
  return byTag
}

/**
 * The family of a UID by where it stands.
 *
 * @param concept the code of the concept name of the content item around it, where there is one
 */
export function familyAt(path: AttributePath, concept: string | undefined): string {
  const tag = path.at(-1)?.tag ?? tagOf(0, 0)
  if (tag === REFERENCED_SOP_INSTANCE_UID && STUDY_REFERENCES.has(path.at(-2)?.tag ?? 0)) return 'StudyInstanceUID'
  if (tag === UID && concept !== undefined) return CONCEPTS.get(concept) ?? nameOfTag(tag)
  return familyByTag().get(tag) ?? nameOfTag(tag)
}
