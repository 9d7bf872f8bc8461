/** Random graphs, exported and run in ONNX Runtime. */
import { property } from '../support/property.ts';
import { expectSameAtSizes } from './onnx-agreement.ts';

property('an exported graph gives in ONNX Runtime what the interpreter gives', 300, (given) =>
  expectSameAtSizes(given.graph, given.sizes),
);
