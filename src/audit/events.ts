/**
 * What the audit trail records. Where PS3.15 A.5 (Audit Trail Message Format Profile) has an event, its words are used (the
 * display names of DCM 110100 …); the rest are ours. A closed set: a new event is a decision.
 */
export const AUDIT_EVENTS = [
  // PS3.15 A.5.3
  'Application Activity',
  'DICOM Instances Accessed',
  'DICOM Instances Transferred',
  'Security Alert',
  'Security Configuration',
  'Software Configuration',
  // ours
  'Admission Withdrawn',
  'Decision Made',
  'Decision Asked Anew',
  'Delivery Retried',
  'Delivery Cancelled',
  'Delivery Interrupted',
  'Instance Amended',
  'Hold Released',
  'Hold Discarded',
  'Answer Received',
  'Answers Forgotten',
  'Wait Expired',
  'Study Called Finished',
  'Study Moment Came',
  'Study Moment Decided',
  'Service Told',
  'Errand Retried',
  'Destination Down',
  'Destination Up',
  'Destination Paused',
  'Destination Resumed',
  'Destination Gone',
  'Destination Back',
] as const
export type AuditEventName = (typeof AUDIT_EVENTS)[number]

export const AUDIT_SUBJECTS = ['Instance', 'Study', 'Delivery', 'Destination', 'Ruleset'] as const
export type AuditSubjectKind = (typeof AUDIT_SUBJECTS)[number]

/** Event ids of PS3.16 CID 400 (DCM), for a record that is exported; null for an event that is ours alone. */
export function dicomEventCode(event: string): string | null {
  switch (event) {
    case 'Application Activity':
      return '110100'
    case 'DICOM Instances Accessed':
      return '110103'
    case 'DICOM Instances Transferred':
      return '110104'
    case 'Security Alert':
    case 'Security Configuration':
    case 'Software Configuration':
      return '110113'
    default:
      return null
  }
}

/** One event as it is written and chained. `at` is milliseconds since 1970 in UTC; `detail` may hold patient data. */
export interface AuditEvent {
  readonly at: number
  readonly event: string
  readonly actor: string
  readonly outcome: string
  readonly subjectKind: AuditSubjectKind | null
  readonly subjectId: string | null
  readonly detail: string | null
}
