import { nearest } from './suggestion.ts'

/** Storage SOP classes by their keyword in PS3.6 annex A (PS3.4 B.5), without the common root 1.2.840.10008.5.1.4.1.1. */
const STORAGE: Readonly<Record<string, string>> = {
  ComputedRadiographyImageStorage: '1',
  DigitalXRayImageStorageForPresentation: '1.1',
  DigitalXRayImageStorageForProcessing: '1.1.1',
  DigitalMammographyXRayImageStorageForPresentation: '1.2',
  DigitalMammographyXRayImageStorageForProcessing: '1.2.1',
  DigitalIntraOralXRayImageStorageForPresentation: '1.3',
  DigitalIntraOralXRayImageStorageForProcessing: '1.3.1',
  CTImageStorage: '2',
  EnhancedCTImageStorage: '2.1',
  LegacyConvertedEnhancedCTImageStorage: '2.2',
  UltrasoundMultiFrameImageStorage: '3.1',
  MRImageStorage: '4',
  EnhancedMRImageStorage: '4.1',
  MRSpectroscopyStorage: '4.2',
  EnhancedMRColorImageStorage: '4.3',
  LegacyConvertedEnhancedMRImageStorage: '4.4',
  UltrasoundImageStorage: '6.1',
  EnhancedUSVolumeStorage: '6.2',
  SecondaryCaptureImageStorage: '7',
  MultiFrameSingleBitSecondaryCaptureImageStorage: '7.1',
  MultiFrameGrayscaleByteSecondaryCaptureImageStorage: '7.2',
  MultiFrameGrayscaleWordSecondaryCaptureImageStorage: '7.3',
  MultiFrameTrueColorSecondaryCaptureImageStorage: '7.4',
  TwelveLeadECGWaveformStorage: '9.1.1',
  GeneralECGWaveformStorage: '9.1.2',
  AmbulatoryECGWaveformStorage: '9.1.3',
  HemodynamicWaveformStorage: '9.2.1',
  CardiacElectrophysiologyWaveformStorage: '9.3.1',
  BasicVoiceAudioWaveformStorage: '9.4.1',
  GrayscaleSoftcopyPresentationStateStorage: '11.1',
  ColorSoftcopyPresentationStateStorage: '11.2',
  PseudoColorSoftcopyPresentationStateStorage: '11.3',
  BlendingSoftcopyPresentationStateStorage: '11.4',
  XRayAngiographicImageStorage: '12.1',
  EnhancedXAImageStorage: '12.1.1',
  XRayRadiofluoroscopicImageStorage: '12.2',
  EnhancedXRFImageStorage: '12.2.1',
  XRay3DAngiographicImageStorage: '13.1.1',
  XRay3DCraniofacialImageStorage: '13.1.2',
  BreastTomosynthesisImageStorage: '13.1.3',
  NuclearMedicineImageStorage: '20',
  ParametricMapStorage: '30',
  RawDataStorage: '66',
  SpatialRegistrationStorage: '66.1',
  SpatialFiducialsStorage: '66.2',
  DeformableSpatialRegistrationStorage: '66.3',
  SegmentationStorage: '66.4',
  SurfaceSegmentationStorage: '66.5',
  RealWorldValueMappingStorage: '67',
  VLEndoscopicImageStorage: '77.1.1',
  VideoEndoscopicImageStorage: '77.1.1.1',
  VLMicroscopicImageStorage: '77.1.2',
  VideoMicroscopicImageStorage: '77.1.2.1',
  VLSlideCoordinatesMicroscopicImageStorage: '77.1.3',
  VLPhotographicImageStorage: '77.1.4',
  VideoPhotographicImageStorage: '77.1.4.1',
  OphthalmicPhotography8BitImageStorage: '77.1.5.1',
  OphthalmicPhotography16BitImageStorage: '77.1.5.2',
  OphthalmicTomographyImageStorage: '77.1.5.4',
  VLWholeSlideMicroscopyImageStorage: '77.1.6',
  BasicTextSRStorage: '88.11',
  EnhancedSRStorage: '88.22',
  ComprehensiveSRStorage: '88.33',
  Comprehensive3DSRStorage: '88.34',
  ProcedureLogStorage: '88.40',
  MammographyCADSRStorage: '88.50',
  KeyObjectSelectionDocumentStorage: '88.59',
  ChestCADSRStorage: '88.65',
  XRayRadiationDoseSRStorage: '88.67',
  RadiopharmaceuticalRadiationDoseSRStorage: '88.68',
  EncapsulatedPDFStorage: '104.1',
  EncapsulatedCDAStorage: '104.2',
  EncapsulatedSTLStorage: '104.3',
  PositronEmissionTomographyImageStorage: '128',
  EnhancedPETImageStorage: '130',
  RTImageStorage: '481.1',
  RTDoseStorage: '481.2',
  RTStructureSetStorage: '481.3',
  RTBeamsTreatmentRecordStorage: '481.4',
  RTPlanStorage: '481.5',
  RTBrachyTreatmentRecordStorage: '481.6',
  RTTreatmentSummaryRecordStorage: '481.7',
  RTIonPlanStorage: '481.8',
  RTIonBeamsTreatmentRecordStorage: '481.9',
}

const ROOT = '1.2.840.10008.5.1.4.1.1.'
const BY_UID: ReadonlyMap<string, string> = new Map(
  Object.entries(STORAGE).map(([keyword, suffix]) => [`${ROOT}${suffix}`, keyword]),
)

/** The keyword of a storage SOP class; undefined for private ones and for what the table lacks. */
export const sopClassKeyword = (uid: string): string | undefined => BY_UID.get(uid)

export const isSopClassKeyword = (text: string): boolean => Object.hasOwn(STORAGE, text)

/** The keyword that was probably meant. */
export const nearestSopClass = (text: string): string | undefined => nearest(text, Object.keys(STORAGE))

/** The UID of a keyword of the table. */
export const sopClassUid = (keyword: string): string | undefined =>
  isSopClassKeyword(keyword) ? `${ROOT}${STORAGE[keyword]}` : undefined
