import { getDirective, MapperKind, mapSchema } from '@graphql-tools/utils'
import { defaultFieldResolver, type GraphQLFieldConfig, type GraphQLSchema } from 'graphql'
import { holds } from '../ledger/roles.ts'
import { ROLES, type Role } from '../ledger/states.ts'
import { forbidden } from './bad-input.ts'
import type { AdminContext } from './context.ts'

type Field = GraphQLFieldConfig<unknown, AdminContext>

/**
 * Makes `@phi` and `@requires` hold by wrapping the resolver of every field that carries them, or whose type does. Done
 * once, on the finished schema: a resolver can neither forget nor avoid it.
 */
export function guard(schema: GraphQLSchema): GraphQLSchema {
  return mapSchema(schema, {
    [MapperKind.OBJECT_FIELD]: (field: Field, name, typeName) => {
      const roles = [...rolesOf(schema, schema.getType(typeName)), ...rolesOf(schema, field)]
      const inner = isPhi(schema, field) ? hidden(field, `${typeName}.${name}`) : field
      return roles.reduce(restricted, inner)
    },
  })
}

type Carrier = Parameters<typeof getDirective>[1] | null | undefined

const isPhi = (schema: GraphQLSchema, field: Field): boolean => getDirective(schema, field, 'phi') !== undefined

function rolesOf(schema: GraphQLSchema, carrier: Carrier): readonly Role[] {
  if (carrier === null || carrier === undefined) return []
  const found = getDirective(schema, carrier, 'requires') ?? []
  return found.map((directive) => {
    const role = ROLES.find((candidate) => candidate === directive['role'])
    if (role === undefined) throw new TypeError('@requires names a role that does not exist')
    return role
  })
}

/** Null unless the caller may read PHI; what is shown is counted for the audit. */
function hidden(field: Field, name: string): Field {
  const resolve = field.resolve ?? defaultFieldResolver
  return {
    ...field,
    async resolve(source, args, context, info) {
      if (!holds(context.caller.roles, 'PHI_READER')) return null
      const value: unknown = await resolve(source, args, context, info)
      if (value !== null && value !== undefined) context.phi.shown(name)
      return value
    },
  }
}

function restricted(field: Field, role: Role): Field {
  const resolve = field.resolve ?? defaultFieldResolver
  return {
    ...field,
    resolve(source, args, context, info) {
      if (!holds(context.caller.roles, role)) throw forbidden(role)
      return resolve(source, args, context, info)
    },
  }
}
