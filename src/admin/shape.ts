import {
  type ArgumentNode,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLNamedType,
  type GraphQLSchema,
  getNamedType,
  type InlineFragmentNode,
  isInterfaceType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  visit,
} from 'graphql'
import { PAGE_DEFAULT } from './paging.ts'

/** How large one operation is, fragments spread out; of a document with several, the largest. */
interface Shape {
  /** Levels of fields. Introspection is not counted: graphql-js limits it by a rule of its own. */
  depth: number
  fields: number
  aliases: number
  directives: number
  /** The largest product of page sizes along a path. */
  path: number
  /** Rows of all pages together, if each were full. */
  rows: number
}

/** What an operation may not exceed. */
const SHAPE_LIMITS: Shape = {
  depth: 12,
  fields: 500,
  aliases: 20,
  directives: 20,
  path: 20_000,
  rows: 40_000,
}

/** A sentence for the first limit that the document exceeds, undefined when it keeps them all. */
export function tooLarge(schema: GraphQLSchema, document: DocumentNode, variables: Variables): string | undefined {
  const shape = new Measurement(schema, document, variables).shape
  return MEASURES.filter((measure) => shape[measure] > SHAPE_LIMITS[measure]).map((measure) => SENTENCES[measure])[0]
}

const MEASURES = ['depth', 'fields', 'aliases', 'directives', 'path', 'rows'] as const

const SENTENCES: Readonly<Record<keyof Shape, string>> = {
  depth: `An operation has at most ${SHAPE_LIMITS.depth} levels.`,
  fields: `An operation has at most ${SHAPE_LIMITS.fields} fields.`,
  aliases: `An operation has at most ${SHAPE_LIMITS.aliases} aliases.`,
  directives: `An operation has at most ${SHAPE_LIMITS.directives} directives.`,
  path: `Page sizes along one path multiply to at most ${SHAPE_LIMITS.path}: ask for smaller pages.`,
  rows: `The pages of an operation hold at most ${SHAPE_LIMITS.rows} rows: ask for smaller pages.`,
}

/** The values of the operation's variables, as the caller sent them. */
export type Variables = Readonly<Record<string, unknown>>

// The type whose fields are selected. Null inside introspection; undefined below a field that does not exist, which
// validation will say.
type Within = GraphQLNamedType | null | undefined

// Fragments that spread one another twice are exponential to walk, without holding a single field.
const STEPS = 5_000

class Measurement {
  readonly shape: Shape = { depth: 0, fields: 0, aliases: 0, directives: 0, path: 0, rows: 0 }
  readonly #schema: GraphQLSchema
  readonly #variables: Variables
  readonly #fragments = new Map<string, FragmentDefinitionNode>()
  readonly #open = new Set<string>()
  #defaults = new Map<string, number>()
  #steps = 0

  constructor(schema: GraphQLSchema, document: DocumentNode, variables: Variables) {
    this.#schema = schema
    this.#variables = variables
    visit(document, {
      Directive: () => {
        this.shape.directives += 1
      },
    })
    for (const node of document.definitions) {
      if (node.kind === Kind.FRAGMENT_DEFINITION) this.#fragments.set(node.name.value, node)
    }
    for (const node of document.definitions) if (node.kind === Kind.OPERATION_DEFINITION) this.#operation(node)
  }

  #operation(node: OperationDefinitionNode): void {
    this.#defaults = new Map()
    for (const { variable, defaultValue } of node.variableDefinitions ?? []) {
      if (defaultValue?.kind === Kind.INT) this.#defaults.set(variable.name.value, Number(defaultValue.value))
    }
    this.#selections(node.selectionSet, this.#schema.getRootType(node.operation), 0, 1)
  }

  #selections(set: SelectionSetNode, type: Within, depth: number, product: number): void {
    for (const node of set.selections) {
      this.#steps += 1
      if (this.#steps > STEPS) this.shape.fields = Number.POSITIVE_INFINITY
      if (this.shape.fields > SHAPE_LIMITS.fields) return
      if (node.kind === Kind.FIELD) this.#field(node, type, depth, product)
      else if (node.kind === Kind.FRAGMENT_SPREAD) this.#spread(node.name.value, depth, product)
      else this.#inline(node, type, depth, product)
    }
  }

  #inline(node: InlineFragmentNode, outer: Within, depth: number, product: number): void {
    const type = node.typeCondition === undefined ? outer : this.#typeOf(node.typeCondition.name.value)
    this.#selections(node.selectionSet, type, depth, product)
  }

  #spread(name: string, depth: number, product: number): void {
    const fragment = this.#fragments.get(name)
    // A fragment inside itself is refused by validation; here it must only not be followed.
    if (fragment === undefined || this.#open.has(name)) return
    this.#open.add(name)
    this.#selections(fragment.selectionSet, this.#typeOf(fragment.typeCondition.name.value), depth, product)
    this.#open.delete(name)
  }

  #field(node: FieldNode, type: Within, above: number, product: number): void {
    this.shape.fields += 1
    if (node.alias !== undefined) this.shape.aliases += 1
    const counted = !node.name.value.startsWith('__') && type !== null
    const depth = counted ? above + 1 : above
    this.shape.depth = Math.max(this.shape.depth, depth)
    const inner = counted ? this.#fieldType(type, node.name.value) : null
    const isPage = inner?.name.endsWith('Connection') ?? false
    const rows = isPage ? product * this.#pageSize(node.arguments ?? []) : product
    if (isPage) this.shape.rows += rows
    this.shape.path = Math.max(this.shape.path, rows)
    if (node.selectionSet !== undefined) this.#selections(node.selectionSet, inner, depth, rows)
  }

  #fieldType(type: GraphQLNamedType | undefined, name: string): GraphQLNamedType | undefined {
    if (!isObjectType(type) && !isInterfaceType(type)) return undefined
    const field = type.getFields()[name]
    return field === undefined ? undefined : getNamedType(field.type)
  }

  #typeOf(name: string): Within {
    return name.startsWith('__') ? null : this.#schema.getType(name)
  }

  #pageSize(args: readonly ArgumentNode[]): number {
    for (const { name, value } of args) {
      if (name.value !== 'first' && name.value !== 'last') continue
      if (value.kind === Kind.INT) return Math.max(1, Number(value.value))
      if (value.kind !== Kind.VARIABLE) continue
      const { value: variable } = value.name
      // Null that was given is null, whatever the default (GraphQL 6.1.2).
      const isGiven = Object.hasOwn(this.#variables, variable)
      const given = isGiven ? this.#variables[variable] : this.#defaults.get(variable)
      if (typeof given === 'number') return Math.max(1, given)
    }
    return PAGE_DEFAULT
  }
}
