/** How the numbers of weights of f32 are stored: in four bytes each, or as float16 in two. */
export const WEIGHT_STORAGES = ['f32', 'f16'] as const;
export type WeightStorage = (typeof WEIGHT_STORAGES)[number];
