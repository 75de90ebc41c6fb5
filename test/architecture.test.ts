// The walls between the rooms, judged on the text of src/. A new room takes a floor in FLOORS, a new library an owner in
// OWNERS; both are decisions, and this file is where they are seen.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from '@jest/globals'
import { circlesOf, readSource, readSources, type SourceFile, srcDir } from './support/imports.ts'

/** A file imports from its own room and from rooms of lower floors. Rooms of one floor do not know each other. */
const FLOORS: readonly (readonly string[])[] = [
  ['base'],
  ['dicom', 'http'],
  ['rules', 'dimse', 'dicomweb', 'services', 'settings', 'audit'],
  ['ledger'],
  ['spool', 'queue', 'orders'],
  ['ingest', 'plan', 'deliver', 'retrieve', 'keep', 'report'],
  ['admin', 'api', 'reload'],
  ['app'],
  ['cli'],
  ['main', 'launch'],
]

/** The only rooms that may import a library. What is not listed here may not be imported at all. */
const OWNERS: Readonly<Record<string, readonly string[]>> = {
  '@apollo/server': ['admin'],
  '@as-integrations/fastify': ['admin'],
  '@fastify/static': ['http'],
  '@fastify/swagger': ['http'],
  '@fastify/swagger-ui': ['http'],
  '@graphiql/toolkit': ['admin'],
  '@graphql-tools/schema': ['admin'],
  '@graphql-tools/utils': ['admin'],
  'better-sqlite3': ['ledger'],
  chokidar: ['reload', 'ingest'],
  dcmjs: ['dicom'],
  'drizzle-orm': ['ledger'],
  fastify: ['http'],
  graphiql: ['admin'],
  graphql: ['admin'],
  pino: ['base'],
  'prom-client': ['admin'],
  re2js: ['rules'],
  react: ['admin', 'api'],
  'react-dom': ['admin', 'api'],
  saxes: ['dicomweb'],
  undici: ['http'],
  vite: ['admin'],
  yaml: ['rules'],
  yauzl: ['ingest'],
  yazl: ['api'],
  zod: ['rules', 'settings', 'api'],
}

/** Written by a generator; nobody reads it from top to bottom. */
const GENERATED = ['admin/generated.ts']
const LONGEST_FILE = 400

const roomOf = (file: string): string => file.replace(/\.(?:ts|js|jsx)$/, '').split('/')[0] ?? ''
const floorOf = (room: string): number => FLOORS.findIndex((rooms) => rooms.includes(room))

function wrongImports(source: SourceFile): readonly string[] {
  const room = roomOf(source.name)
  return source.files
    .filter((to) => roomOf(to) !== room && !to.startsWith('..') && floorOf(roomOf(to)) >= floorOf(room))
    .map((to) => `${source.name} (floor ${floorOf(room)}) imports ${to} (floor ${floorOf(roomOf(to))})`)
}

/** The lines' worth of code that a wall forbids, as `file: what`. */
function found(sources: readonly SourceFile[], forbidden: RegExp): readonly string[] {
  return sources.flatMap(({ name, code }) =>
    [...code.matchAll(forbidden)].map((match) => `${name}: ${match[0].trim()}`),
  )
}

const sources = readSources()
const typescript = sources.filter(({ name }) => name.endsWith('.ts') && !GENERATED.includes(name))

describe('the rooms', () => {
  test('every room has one floor', () => {
    const rooms = [...new Set(sources.map(({ name }) => roomOf(name)))]
    expect(rooms.filter((room) => floorOf(room) < 0)).toEqual([])
    expect(new Set(FLOORS.flat()).size).toBe(FLOORS.flat().length)
  })

  test('a file imports from its own room and from lower floors', () => {
    expect(sources.flatMap(wrongImports)).toEqual([])
  })

  test('imports run in no circle', () => {
    expect(circlesOf(sources).map((circle) => circle.join(' > '))).toEqual([])
  })

  test('what is imported exists', () => {
    const missing = sources.flatMap(({ name, files }) =>
      files.filter((to) => !existsSync(`${srcDir}/${to}`)).map((to) => `${name}: ${to}`),
    )
    expect(missing).toEqual([])
  })

  test('only main.ts and the launcher are the way in: nothing imports them, and nothing of src imports test', () => {
    const known = sources.flatMap(({ name, files }) => files.map((to) => `${name} > ${to}`))
    expect(known.filter((edge) => / > (?:main\.ts|launch\.js|.*\.\.\/test\/)/.test(edge))).toEqual([])
  })
})

describe('the libraries', () => {
  test('each is imported by the room that owns it and by no other', () => {
    const strangers = sources.flatMap(({ name, packages }) =>
      packages
        .filter((library) => !library.startsWith('node:') && OWNERS[library]?.includes(roomOf(name)) !== true)
        .map((library) => `${name} imports ${library}`),
    )
    expect(strangers).toEqual([])
  })

  test('modules of Node are written with their prefix', () => {
    const bare = /['"](?:fs|path|os|net|tls|http|https|crypto|stream|events|url|util|timers|zlib|child_process)['"]/
    expect(found(typescript, new RegExp(`\\bfrom\\s*${bare.source}`, 'g'))).toEqual([])
  })
})

describe('the habits', () => {
  const above = typescript.filter(({ name }) => roomOf(name) !== 'base')

  test('only base reads the clock, makes timers and throws dice', () => {
    const wall =
      /\b(?:Date\.now|Math\.random|new Date\(\)|performance\.now|node:timers)\b|(?<![.\w])(?:setTimeout|setInterval)\(/g
    expect(found(above, wall)).toEqual([])
  })

  test('nothing ends the process in the middle', () => {
    expect(found(sources, /\bprocess\s*\.\s*(?:exit|abort|reallyExit)\s*\(/g)).toEqual([])
  })

  test('no type is any, and the checker is not silenced', () => {
    expect(found(typescript, /(?::|\bas|<|\|)\s*any\b(?=[\s,;)>[\]|=]|$)/gm)).toEqual([])
    const silenced = sources.filter(({ name }) =>
      /@ts-(?:ignore|nocheck|expect-error)/.test(readFileSync(`${srcDir}/${name}`, 'utf8')),
    )
    expect(silenced.map(({ name }) => name)).toEqual([])
  })

  test(`no file is longer than ${LONGEST_FILE} lines`, () => {
    const long = sources.filter(({ name, lines }) => lines > LONGEST_FILE && !GENERATED.includes(name))
    expect(long.map(({ name, lines }) => `${name}: ${lines}`)).toEqual([])
  })

  test('no file is named for everything', () => {
    const names = sources.map(({ name }) => name)
    expect(
      names.filter((name) => /(?:^|[/-])(?:utils?|helpers?|common|manager|misc)\.|(?:^|\/)index\./.test(name)),
    ).toEqual([])
  })
})

describe('the front page', () => {
  const readme = fileURLToPath(new URL('../README.md', import.meta.url))

  test('the picture of the data flow names rooms and files that exist', () => {
    const picture = /```\n([\s\S]*?)```/.exec(readFileSync(readme, 'utf8'))?.[1] ?? ''
    const rooms = readdirSync(srcDir, { withFileTypes: true }).map((entry) => roomOf(entry.name))
    const words = new Set(picture.toLowerCase().match(/[a-z]+(?:-[a-z]+)*/g) ?? [])
    // The picture shows the way of an instance: these rooms and nothing less.
    for (const room of ['ingest', 'spool', 'plan', 'rules', 'queue', 'deliver', 'ledger', 'admin']) {
      expect(words).toContain(room)
      expect(rooms).toContain(room)
    }
    const files = new Set(sources.map(({ name }) => roomOf(name.split('/').at(-1) ?? '')))
    const named = [...words].filter((word) => /-(?:door|sender)$/.test(word))
    expect(named.filter((word) => !files.has(word))).toEqual([])
  })
})

describe('this judge', () => {
  const imports = (text: string): readonly string[] => readSource('plan/planner.ts', text).files

  test('sees every form of an import', () => {
    expect(imports("import { a } from './a.ts'")).toEqual(['plan/a.ts'])
    expect(imports("import type {\n  A,\n  B,\n} from '../queue/queue.ts'")).toEqual(['queue/queue.ts'])
    expect(imports("export { a } from './a.ts'\nexport * from './b.ts'")).toEqual(['plan/a.ts', 'plan/b.ts'])
    expect(imports("import './a.ts'")).toEqual(['plan/a.ts'])
    expect(imports("const { a } = await import('./a.ts')")).toEqual(['plan/a.ts'])
    expect(imports("new URL('./worker.ts', import.meta.url)")).toEqual(['plan/worker.ts'])
    expect(readSource('a.ts', "import x from '@apollo/server/plugin/disabled'").packages).toEqual(['@apollo/server'])
  })

  test('does not read comments', () => {
    expect(imports("// import { a } from './a.ts'\n/** import './b.ts' */\n")).toEqual([])
  })

  test('refuses a neighbour and a higher floor, allows what is below', () => {
    const wrong = (text: string): number => wrongImports(readSource('plan/planner.ts', text)).length
    expect(wrong("import '../deliver/dispatcher.ts'")).toBe(1)
    expect(wrong("import '../app.ts'")).toBe(1)
    expect(wrong("import '../queue/queue.ts'\nimport './other.ts'\nimport '../base/clock.ts'")).toBe(0)
  })

  test('finds a circle', () => {
    const circle = circlesOf([
      { name: 'a.ts', files: ['b.ts'] },
      { name: 'b.ts', files: ['c.ts'] },
      { name: 'c.ts', files: ['b.ts'] },
    ])
    expect(circle).toEqual([['b.ts', 'c.ts', 'b.ts']])
  })
})
