/** The name of a model as that of a file: it comes from the model and may hold anything. */
export function fileNameOf(model: string): string {
  const plain = model.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[.-]+|[.-]+$/g, '');
  return plain === '' ? 'model' : plain.slice(0, 100);
}
