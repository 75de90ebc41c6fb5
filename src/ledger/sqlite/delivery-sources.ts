import type { ErrandId, InstanceId } from '../ids.ts'
import type { DeliverySelection } from '../records.ts'
import { DELIVERY_STATES } from '../states.ts'
import type { Connection } from './connection.ts'
import type { Source } from './paging.ts'

export const TALLIED = `SELECT destination, state FROM delivery_tally WHERE n > 0`

export type DeliveryListSelection = DeliverySelection & {
  readonly instance?: InstanceId
  readonly studyInstanceUid?: string
  readonly errand?: ErrandId
}

interface Condition {
  readonly where: readonly string[]
  readonly params: readonly (string | number)[]
}

/**
 * The sources that together are the deliveries of a selection, each a range of one index. `select` names `delivery d`.
 * Several destinations or states are several sources: an index cannot give their union in order.
 */
export function deliverySources(
  db: Connection,
): (select: string, selection: DeliveryListSelection) => readonly Source[] {
  const tallied = db.prepare<[], { destination: string; state: string }>(TALLIED)
  const source = (select: string, ...conditions: readonly Condition[]): Source => ({
    select,
    where: conditions.flatMap((each) => each.where),
    params: conditions.flatMap((each) => each.params),
    at: 'd.planned_at',
    seq: 'd.seq',
  })

  function pairs({ destination, states }: DeliverySelection): readonly Condition[] {
    const rows = tallied.all().filter((row) => destination === undefined || row.destination === destination)
    const wanted = new Set<string>(states ?? DELIVERY_STATES)
    return rows
      .filter((row) => wanted.has(row.state))
      .map((row) => ({ where: ['d.destination = ?', 'd.state = ?'], params: [row.destination, row.state] }))
  }

  return (select, selection) => {
    const { instance, studyInstanceUid, destination, states, rule } = selection
    const period = periodOf(selection)
    const filters = [stateFilter(selection), period, ruleFilter(rule)]
    if (instance !== undefined) {
      const of = { where: ['d.instance = (SELECT seq FROM instance WHERE id = ?)'], params: [instance] }
      return [source(select, of, studyFilter(studyInstanceUid), ...filters)]
    }
    if (selection.errand !== undefined) {
      const of = { where: ['d.errand = (SELECT seq FROM errand WHERE id = ?)'], params: [selection.errand] }
      return DELIVERY_STATES.map((state) => {
        const inState = { where: ['d.errand IS NOT NULL', 'd.state = ?'], params: [state] }
        return source(select, of, inState, ...filters)
      })
    }
    if (studyInstanceUid !== undefined) return [source(select, studyFilter(studyInstanceUid), ...filters)]
    if (destination !== undefined || states !== undefined) {
      return pairs(selection).map((pair) => source(select, pair, period, ruleFilter(rule)))
    }
    if (rule === undefined) return [source(select, period)]
    const byRule = select.replace('FROM delivery d', 'FROM delivery_rule r CROSS JOIN delivery d ON d.seq = r.delivery')
    const named = { where: ['r.rule = ?'], params: [rule] }
    return [{ ...source(byRule, named, period), at: 'r.delivery', seq: 'r.delivery' }]
  }
}

function periodOf({ plannedAfter, plannedBefore }: DeliverySelection): Condition {
  const where: string[] = []
  const params: number[] = []
  if (plannedAfter !== undefined) {
    where.push('d.planned_at >= ?')
    params.push(plannedAfter)
  }
  if (plannedBefore !== undefined) {
    where.push('d.planned_at < ?')
    params.push(plannedBefore)
  }
  return { where, params }
}

function stateFilter({ destination, states }: DeliverySelection): Condition {
  const where: string[] = []
  const params: string[] = []
  if (destination !== undefined) {
    where.push('d.destination = ?')
    params.push(destination)
  }
  if (states !== undefined) {
    // The list as JSON, so that its length does not make another text.
    where.push('d.state IN (SELECT value FROM json_each(?))')
    params.push(JSON.stringify(states))
  }
  return { where, params }
}

function studyFilter(uid: string | undefined): Condition {
  if (uid === undefined) return { where: [], params: [] }
  return { where: ['d.study = (SELECT seq FROM study WHERE study_instance_uid = ?)'], params: [uid] }
}

function ruleFilter(rule: string | undefined): Condition {
  if (rule === undefined) return { where: [], params: [] }
  return { where: ['EXISTS (SELECT 1 FROM delivery_rule r WHERE r.rule = ? AND r.delivery = d.seq)'], params: [rule] }
}
