/** Reading what strangers made. */
const LARGE = ['test/frontends/onnx/large-files.test.ts'];

export const files = [
  {
    name: 'a file that changed while it was read is taken',
    file: 'src/frontends/file-source.ts',
    find: 'if (!isUnchanged) throw this.changed();',
    replace: '',
    tests: LARGE,
  },
  {
    name: 'a number at the edge of a window is read without its end',
    file: 'src/onnx/wire-reader.ts',
    find: 'this.hold(this.at, Math.min(LONGEST_VARINT, this.messageEnd - this.at));',
    replace: 'this.hold(this.at, 1);',
    tests: LARGE,
  },
  {
    name: 'fields that nobody knows cost nothing',
    file: 'src/onnx/decode.ts',
    find: 'count(place, 1);\n      reader.skip',
    replace: 'reader.skip',
    tests: ['test/onnx/codec.test.ts'],
  },
];
