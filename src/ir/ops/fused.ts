/**
 * fused: what one kernel computes, as the graph in its body. Passes make it; declarations cannot.
 *
 * operands: the body's inputs -> results: the body's outputs
 * - c1: there is a body
 * - c2: the operands have the types of the body's inputs
 */
import { defineRegion } from '../op.ts';

export const fused = defineRegion('the results of its body, computed by one kernel');
