/** What an ONNX node is: its op and domain, its attributes, and how errors call it. */
import type { AttributeProto, NodeProto } from '../../onnx/schema.ts';
import { quote } from '../json.ts';
import { NodeAttributes } from './attributes.ts';
import { Unsupported } from './context.ts';
import { nearestOp } from './failures.ts';
import { handlers } from './ops/index.ts';

export function functionKey(domain = '', name = '', overload = ''): string {
  return JSON.stringify([domain === 'ai.onnx' ? '' : domain, name, overload]);
}

export function domainOf({ domain = '' }: NodeProto): string {
  return domain === 'ai.onnx' ? '' : domain;
}

/** Attributes, with those that name an attribute of the function around the node replaced by it. */
export function attributesOf(
  { attribute }: NodeProto,
  given: ReadonlyMap<string, AttributeProto> | null,
): NodeAttributes {
  return new NodeAttributes(
    attribute.flatMap((own) => {
      if (own.refAttrName === undefined || own.refAttrName === '') return [own];
      const outer = given?.get(own.refAttrName);
      return outer === undefined || own.name === undefined ? [] : [{ ...outer, name: own.name }];
    }),
  );
}

export function describeNode(
  proto: NodeProto,
  opsets: ReadonlyMap<string, number>,
  origin?: string,
): string {
  const domain = domainOf(proto);
  const name = quote(proto.name || proto.output.find((output) => output !== '') || '');
  const op = `${domain === '' ? '' : `${domain}.`}${proto.opType ?? ''}`.slice(0, 80);
  if (origin !== undefined) return `${origin}: node ${name} (${printable(op)})`;
  return `${name} (${printable(op)}, opset ${opsets.get(domain) ?? '?'})`;
}

function printable(text: string): string {
  return quote(text).slice(1, -1);
}

export function unknownOp(proto: NodeProto): Unsupported {
  const domain = domainOf(proto);
  const op = printable((proto.opType ?? '').slice(0, 80));
  const where = domain === '' ? '' : ` of the domain ${quote(domain)}`;
  const hint = nearestOp(proto.opType ?? '', Object.keys(handlers));
  return new Unsupported(`the op ${op}${where} is not taken`, hint);
}
