import { formatTag } from '../dicom/attribute-path.ts'
import { unpackHeader } from '../dicom/header-pack.ts'
import type { AttributeChange } from '../dicom/resolved-edit.ts'
import type { NewAmendment } from '../ledger/amendments.ts'
import type { InstanceId } from '../ledger/ids.ts'
import type { LedgerViews } from '../ledger/views.ts'
import { amendedView, amendmentProblem } from '../rules/amendment.ts'
import type { Amendment, HeaderView } from '../rules/facts.ts'
import { viewOfHeader } from '../rules/header-view.ts'
import { parseAttribute } from '../rules/name.ts'

export type Correction =
  | { readonly kind: 'ready'; readonly amendment: NewAmendment }
  | { readonly kind: 'not-found' }
  /** One sentence without a value of the instance; `name` is what was given. */
  | { readonly kind: 'invalid'; readonly name: string; readonly problem: string }

/** What a person wants corrected, checked and with what stands there now, ready for `instanceAmend` or `holdRelease`. */
export async function correctionOf(
  views: Pick<LedgerViews, 'header' | 'amendments'>,
  instance: InstanceId,
  attributes: readonly Amendment[],
  reason: string,
): Promise<Correction> {
  for (const attribute of attributes) {
    const problem = amendmentProblem(attribute)
    if (problem !== undefined) return { kind: 'invalid', name: attribute.name, problem }
  }
  const [header, earlier] = await Promise.all([views.header(instance), views.amendments(instance)])
  if (header === undefined) return { kind: 'not-found' }
  const before = amendedView(
    viewOfHeader(unpackHeader(header)),
    earlier.flatMap((row) => row.attributes),
  )
  const changes = attributes.map((attribute) => changeOf(before, attribute))
  return { kind: 'ready', amendment: { attributes, changes, reason } }
}

function changeOf(before: HeaderView, attribute: Amendment): AttributeChange {
  const name = parseAttribute(attribute.name)
  const path = 'problem' in name ? [] : name.path
  const tag = path.map((step) => formatTag(step.tag) + (step.item === undefined ? '' : `[${step.item}]`)).join('.')
  const verb = attribute.value === null ? 'remove' : 'set'
  const stood = before.has(path) ? (before.values(path)?.join('\\') ?? null) : null
  return {
    tag,
    keyword: /^\w+$/.test(attribute.name) ? attribute.name : null,
    verb,
    before: stood,
    after: attribute.value,
  }
}
