import { writeFile } from 'node:fs/promises'

/** One figure: measured, or why it could not be. Without a target it only informs. */
export interface Figure {
  readonly name: string
  readonly value: number | null
  readonly unit: string
  readonly target?: { readonly atLeast: number } | { readonly atMost: number }
  /** Set when a peer is missing. */
  readonly missing?: string
}

export type Verdict = 'met' | 'missed' | 'missing' | 'informs'

/** A figure that was not measured is never met. */
export function judge(figure: Figure): Verdict {
  if (figure.value === null) return 'missing'
  if (figure.target === undefined) return 'informs'
  const met = 'atLeast' in figure.target ? figure.value >= figure.target.atLeast : figure.value <= figure.target.atMost
  return met ? 'met' : 'missed'
}

export class Results {
  readonly figures: Figure[] = []

  add(figure: Figure): void {
    this.figures.push(figure)
    process.stdout.write(`${line(figure)}\n`)
  }

  async writeJson(file: string, circumstances: Readonly<Record<string, unknown>>): Promise<void> {
    const figures = Object.fromEntries(
      this.figures.map((figure) => [figure.name, { ...figure, name: undefined, verdict: judge(figure) }]),
    )
    await writeFile(file, `${JSON.stringify({ ...circumstances, figures }, undefined, 2)}\n`)
  }
}

function line(figure: Figure): string {
  const value = figure.value === null ? `missing: ${figure.missing}` : `${round(figure.value)} ${figure.unit}`
  const target =
    figure.target === undefined
      ? ''
      : 'atLeast' in figure.target
        ? ` (at least ${figure.target.atLeast})`
        : ` (at most ${figure.target.atMost})`
  return `${judge(figure).padEnd(8)}${figure.name.padEnd(36)}${value}${target}`
}

const round = (value: number): string => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(3))
