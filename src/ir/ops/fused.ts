/**
 * fused: what one kernel computes, as the graph in its body. Passes make it; declarations cannot.
 *
 * operands: the body's inputs -> results: the body's outputs
 * - c1: there is a body
 * - c2: the operands have the types of the body's inputs
 */
import { valueOf } from '../graph.ts';
import { defineOp, type OpDefinition } from '../op.ts';
import { printType } from '../types.ts';

export const fused: OpDefinition<never> = defineOp({
  kind: 'region',
  isKernel: true,
  declare: null,
  summary: 'the results of its body, computed by one kernel',
  operands: [{ name: 'operands', variadic: true }],
  attributes: {},
  infer: ({ operands, body, require }) => {
    require('c1', body !== null, () => 'a region needs its body');
    if (body === null) return [];
    const wanted = body.inputs.map((id) => printType(valueOf(body, id))).join(', ');
    const given = operands.map((type) => (type === undefined ? '_' : printType(type))).join(', ');
    require('c2', wanted === given, () => `the body takes (${wanted})`);
    return body.outputs.map(({ value }) => valueOf(body, value));
  },
  evaluate: ({ operands, body }) => body(operands.filter((operand) => operand !== undefined)),
});
