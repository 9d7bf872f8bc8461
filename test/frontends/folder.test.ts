import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EncompileError } from '../../src/errors.ts';
import { readHuggingFaceFolder } from '../../src/frontends/huggingface/folder.ts';
import { readSafetensors, writeSafetensors } from '../../src/frontends/safetensors.ts';
import type { TensorData } from '../../src/ir/types.ts';
import { describeWithData } from '../support/test-data.ts';

let scratch = '';
let folder = '';
let count = 0;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'encompile-folder-'));
});
afterAll(() => rm(scratch, { recursive: true }));
beforeEach(async () => {
  folder = join(scratch, `model-${count++}`);
  await mkdir(folder);
});

function tensor(...values: number[]): TensorData {
  return { dtype: 'f32', shape: [values.length], data: Float32Array.from(values) };
}

async function put(name: string, content: unknown): Promise<void> {
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  if (content instanceof Map) await writeSafetensors(path, content);
  else await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
}

async function putModel(): Promise<void> {
  await put('config.json', { model_type: 'bert' });
  await put('model.safetensors', new Map([['w', tensor(1)]]));
}

/** Two shards of three tensors, with the index's weight_map as given. */
async function putShards(weightMap: unknown): Promise<void> {
  await put('config.json', {});
  const shard = (entries: [string, TensorData][]) => new Map(entries);
  await put(
    'model-00001-of-00002.safetensors',
    shard([
      ['a', tensor(1)],
      ['b', tensor(2)],
    ]),
  );
  await put('model-00002-of-00002.safetensors', shard([['c', tensor(3)]]));
  await put('model.safetensors.index.json', { metadata: {}, weight_map: weightMap });
}
const WHOLE_MAP = {
  c: 'model-00002-of-00002.safetensors',
  a: 'model-00001-of-00002.safetensors',
  b: 'model-00001-of-00002.safetensors',
};

async function expectRefusal(message: RegExp): Promise<void> {
  const read = readHuggingFaceFolder(folder);
  await expect(read).rejects.toThrow(EncompileError);
  await expect(read).rejects.toThrow(message);
}

describe('a folder', () => {
  it('gives config, tensors and tokenizer, and null for what it lacks', async () => {
    await putModel();
    expect(await readHuggingFaceFolder(folder)).toEqual({
      path: folder,
      config: { model_type: 'bert' },
      configOrigin: join(folder, 'config.json'),
      tensors: new Map([['w', tensor(1)]]),
      tensorsOrigin: join(folder, 'model.safetensors'),
      sentenceTransformers: null,
      tokenizerJson: null,
      tokenizerConfig: null,
    });
    await put('tokenizer.json', { version: '1.0' });
    await put('tokenizer_config.json', { do_lower_case: true });
    const read = await readHuggingFaceFolder(folder);
    expect(read.tokenizerJson).toEqual({ version: '1.0' });
    expect(read.tokenizerConfig).toEqual({ do_lower_case: true });
  });

  it('that is absent, a file, or incomplete is refused with what it lacks', async () => {
    await expectRefusal(/no file .*config\.json/);
    await put('config.json', {});
    await expectRefusal(/has no weights: expected model\.safetensors/);
    await put('pytorch_model.bin', 'pickle');
    await expectRefusal(/weights in pytorch_model\.bin.*save_pretrained/);
    await put('config.json', []);
    await expectRefusal(/config\.json is \[\], where a JSON object/);
    await put('config.json', '{"a": 1,}');
    await expectRefusal(/config\.json is not valid JSON/);
    await expect(readHuggingFaceFolder(join(folder, 'config.json'))).rejects.toThrow(
      /not a folder/,
    );
    await expect(readHuggingFaceFolder(join(folder, 'x'))).rejects.toThrow(/is not there/);
  });
});

describe('shards', () => {
  it('are read together', async () => {
    await putShards(WHOLE_MAP);
    const { tensors, tensorsOrigin } = await readHuggingFaceFolder(folder);
    expect(new Map([...tensors].sort())).toEqual(
      new Map([
        ['a', tensor(1)],
        ['b', tensor(2)],
        ['c', tensor(3)],
      ]),
    );
    expect(tensorsOrigin).toBe(join(folder, 'model.safetensors.index.json'));
  });

  it('yield to a whole file', async () => {
    await putShards(WHOLE_MAP);
    await put('model.safetensors', new Map([['w', tensor(1)]]));
    expect([...(await readHuggingFaceFolder(folder)).tensors.keys()]).toEqual(['w']);
  });

  it('must hold exactly what the index says', async () => {
    await putShards({ ...WHOLE_MAP, d: 'model-00002-of-00002.safetensors' });
    await expectRefusal(/tensor "d" is in "model-00002-of-00002\.safetensors", but that file does/);
    await putShards({ ...WHOLE_MAP, b: 'model-00002-of-00002.safetensors' });
    await expectRefusal(/Tensor "b" is in .*model-00001-of.* says it is in "model-00002/);
    await putShards({ a: WHOLE_MAP.a, c: WHOLE_MAP.c });
    await expectRefusal(/Tensor "b" is in .*index\.json does not name it/);
    await putShards({ ...WHOLE_MAP, a: 'model-00003-of-00003.safetensors' });
    await expectRefusal(/The shard of "a" .*model-00003-of-00003\.safetensors.*cannot be reached/);
    await putShards([]);
    await expectRefusal(/weight_map in .* is \[\]/);
  });

  it.each([
    ['..', '../secret.safetensors'],
    ['.. inside', 'sub/../../secret.safetensors'],
    ['an absolute path', '/etc/passwd'],
    ['a backslash', '..\\secret.safetensors'],
    ['a drive', 'C:secret.safetensors'],
    ['nothing', ''],
    ['the folder', '.'],
    ['a NUL', 'a\0b'],
    ['no text', 7],
  ])('may not be outside the folder: %s', async (_, name) => {
    await writeSafetensors(join(scratch, 'secret.safetensors'), new Map([['a', tensor(1)]]));
    await putShards({ ...WHOLE_MAP, a: name });
    await expectRefusal(/The shard of "a" in .*inside .* was expected/);
  });

  it('may not be very many', async () => {
    const names = Array.from({ length: 5000 }, (_, i) => `s${i}.safetensors`);
    await put('config.json', {});
    for (const name of names.slice(0, 4096)) await put(name, '');
    await put('model.safetensors.index.json', {
      weight_map: Object.fromEntries(names.map((name) => [name, name])),
    });
    await expectRefusal(/names more than 4096 files/);
  });

  it('may not hold one tensor twice', async () => {
    await putShards(WHOLE_MAP);
    const second = new Map(['a', 'c'].map((name) => [name, tensor(1)] as const));
    await writeSafetensors(join(folder, WHOLE_MAP.c), second);
    await expectRefusal(/Tensor "a" is in .*00002-of-00002.* says it is in "model-00001-of-00002/);
  });

  it('may not be links that lead out, except to the blobs of a hub cache', async () => {
    const outside = join(scratch, 'outside.safetensors');
    await writeSafetensors(outside, new Map([['w', tensor(9)]]));
    await put('config.json', {});
    await symlink(outside, join(folder, 'linked.safetensors'));
    await put('model.safetensors.index.json', { weight_map: { w: 'linked.safetensors' } });
    await expectRefusal(/"linked\.safetensors", a link that leads out/);

    const cache = join(folder, 'models--a--b');
    folder = join(cache, 'snapshots', '0123');
    await mkdir(join(cache, 'blobs'), { recursive: true });
    await cp(outside, join(cache, 'blobs', 'ff'));
    await put('config.json', {});
    await symlink('../../blobs/ff', join(folder, 'linked.safetensors'));
    await put('model.safetensors.index.json', { weight_map: { w: 'linked.safetensors' } });
    expect((await readHuggingFaceFolder(folder)).tensors.get('w')).toEqual(tensor(9));
    await rm(join(folder, 'linked.safetensors'));
    await symlink(outside, join(folder, 'linked.safetensors'));
    await expectRefusal(/a link that leads out/);
  });
});

describe('sentence-transformers modules', () => {
  const module = (type: string, path: string) => ({ idx: 0, name: '0', path, type });
  const transformer = module('sentence_transformers.models.Transformer', '');
  const pooling = module('sentence_transformers.models.Pooling', '1_Pooling');
  const normalize = module('sentence_transformers.models.Normalize', '2_Normalize');
  const meanPooling = {
    word_embedding_dimension: 384,
    pooling_mode_cls_token: false,
    pooling_mode_mean_tokens: true,
  };

  it('say how to pool, whether to normalise, and where to cut', async () => {
    await putModel();
    await put('modules.json', [transformer, pooling, normalize]);
    await put('1_Pooling/config.json', meanPooling);
    await put('sentence_bert_config.json', { max_seq_length: 256, do_lower_case: false });
    expect((await readHuggingFaceFolder(folder)).sentenceTransformers).toEqual({
      encoderPath: folder,
      pooling: { modes: ['mean'], width: 384 },
      normalize: true,
      maxTokens: 256,
    });
    await put('modules.json', [transformer]);
    await rm(join(folder, 'sentence_bert_config.json'));
    expect((await readHuggingFaceFolder(folder)).sentenceTransformers).toEqual({
      encoderPath: folder,
      pooling: null,
      normalize: false,
      maxTokens: null,
    });
  });

  it('may keep the encoder in a folder of its own, and use the later spellings', async () => {
    await put('modules.json', [
      module('sentence_transformers.models.Transformer', '0_BERT'),
      module('sentence_transformers.sentence_transformer.modules.pooling.Pooling', '1_Pooling'),
    ]);
    await put('1_Pooling/config.json', { embedding_dimension: 8, pooling_mode: ['max', 'cls'] });
    await put('0_BERT/config.json', { model_type: 'bert' });
    await put('0_BERT/model.safetensors', new Map([['w', tensor(1)]]));
    const read = await readHuggingFaceFolder(folder);
    expect(read.configOrigin).toBe(join(folder, '0_BERT', 'config.json'));
    expect(read.sentenceTransformers?.pooling).toEqual({ modes: ['cls', 'max'], width: 8 });
    await put('1_Pooling/config.json', { pooling_mode: 'lasttoken' });
    const later = (await readHuggingFaceFolder(folder)).sentenceTransformers;
    expect(later?.pooling).toEqual({ modes: ['lasttoken'], width: null });
  });

  it('that would be left out are refused', async () => {
    await putModel();
    await put('1_Pooling/config.json', meanPooling);
    const dense = module('sentence_transformers.models.Dense', '2_Dense');
    await put('modules.json', [transformer, pooling, dense, normalize]);
    await expectRefusal(/models\.Dense.*supported is .*Transformer, then Pooling, then Normalize/);
    await put('modules.json', [transformer, normalize, pooling]);
    await expectRefusal(/cannot be compiled as they stand/);
    await put('modules.json', [transformer, pooling, pooling]);
    await expectRefusal(/cannot be compiled as they stand/);
    await put('modules.json', [pooling]);
    await expectRefusal(/cannot be compiled as they stand/);
    await put('modules.json', [transformer, module('custom_code.Pooling', '1_Pooling')]);
    await expectRefusal(/custom_code\.Pooling/);
    await put('modules.json', { 0: transformer });
    await expectRefusal(/a list of modules was expected/);
  });

  it('with a wrong pooling or a path that leads out are refused', async () => {
    await putModel();
    await put('modules.json', [transformer, pooling]);
    await put('1_Pooling/config.json', { pooling_mode_mean_tokens: false });
    await expectRefusal(/1_Pooling\/config\.json asks for the pooling "none"/);
    await put('1_Pooling/config.json', { pooling_mode: ['mean', 'median'] });
    await expectRefusal(/asks for the pooling \["mean","median"\]: expected at least one of cls/);
    await put('modules.json', [transformer, { ...pooling, path: '../1_Pooling' }]);
    await expectRefusal(/The path of module 1 in .*modules\.json is "\.\.\/1_Pooling"/);
  });
});

describeWithData('a real folder', 'models/bert-untrained-sentence_embedding', (path) => {
  it('is the same in one file and in shards', async () => {
    const whole = await readHuggingFaceFolder(path);
    expect(whole.tensors.size).toBe(23);
    expect(whole.tensors.get('embeddings.word_embeddings.weight')?.shape).toEqual([30522, 16]);
    expect(whole.tokenizerJson).not.toBeNull();

    const entries = [...(await readSafetensors(join(path, 'model.safetensors')))];
    const shards = [entries.slice(0, 5), entries.slice(5, 11), entries.slice(11)];
    const weightMap: Record<string, string> = {};
    for (const [i, shard] of shards.entries()) {
      const name = `model-0000${i + 1}-of-00003.safetensors`;
      await put(name, new Map(shard));
      for (const [tensorName] of shard) weightMap[tensorName] = name;
    }
    await put('config.json', await readFile(join(path, 'config.json'), 'utf8'));
    await put('model.safetensors.index.json', { weight_map: weightMap });
    const sharded = await readHuggingFaceFolder(folder);
    expect(sharded.tensors).toEqual(whole.tensors);
    expect(sharded.config).toEqual(whole.config);
  });
});
