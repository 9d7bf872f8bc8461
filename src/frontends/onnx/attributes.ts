/** The attributes of one ONNX node, each read as the kind that its op gives it. */
import { EncompileError } from '../../errors.ts';
import type { StoredBytes } from '../../onnx/byte-source.ts';
import type { AttributeProto, GraphProto, TensorProto } from '../../onnx/schema.ts';
import { quote } from '../json.ts';

/** An op's texts are words, but for the equation of Einsum. */
const LONGEST_TEXT = 1 << 16;

const utf8 = new TextDecoder();

export class NodeAttributes {
  private readonly byName: ReadonlyMap<string, AttributeProto>;

  constructor(attributes: readonly AttributeProto[]) {
    this.byName = new Map(attributes.map((attribute) => [attribute.name ?? '', attribute]));
  }

  has(name: string): boolean {
    return this.byName.has(name);
  }

  get all(): ReadonlyMap<string, AttributeProto> {
    return this.byName;
  }

  int(name: string): number | undefined {
    const value = this.byName.get(name)?.i;
    return value === undefined ? undefined : wholeNumber(value, name);
  }

  ints(name: string): readonly number[] | undefined {
    return this.byName.get(name)?.ints.map((value) => wholeNumber(value, name));
  }

  float(name: string): number | undefined {
    return this.byName.get(name)?.f;
  }

  floats(name: string): readonly number[] | undefined {
    return this.byName.get(name)?.floats;
  }

  text(name: string): string | undefined {
    const value = this.byName.get(name)?.s;
    return value === undefined ? undefined : decodeText(value, name);
  }

  texts(name: string): readonly string[] | undefined {
    return this.byName.get(name)?.strings.map((value) => decodeText(value, name));
  }

  tensor(name: string): TensorProto | undefined {
    return this.byName.get(name)?.t;
  }

  graph(name: string): GraphProto | undefined {
    return this.byName.get(name)?.g;
  }
}

function decodeText(value: StoredBytes, name: string): string {
  if (value.length <= LONGEST_TEXT) return utf8.decode(value.read());
  throw new EncompileError(
    `its attribute ${quote(name)} is a text of ${value.length} bytes, where at most ${LONGEST_TEXT} were expected`,
  );
}

/** Saturated where a double cannot hold it: the file means "to the end". */
function wholeNumber(value: bigint, name: string): number {
  const number = Number(value);
  if (Number.isSafeInteger(number) || Math.abs(number) >= 2 ** 62) return number;
  throw new EncompileError(`its attribute ${quote(name)} is ${value}, which is no size or axis.`);
}
