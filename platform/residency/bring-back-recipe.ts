import { existsSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { LAYER_FILES, readLocalIndex } from '@lade/layers';

/** Lets a layer that was here already be published once more, should the bucket have lost it. */
export async function bringBackRecipe(from: string, to: string): Promise<void> {
  const recipe = join(from, LAYER_FILES.recipe);
  if (!existsSync(recipe)) return;
  const [fresh, kept] = [await readLocalIndex(from), await readLocalIndex(to)];
  if (Buffer.from(fresh.header.recipeHash).equals(kept.header.recipeHash))
    await rename(recipe, join(to, LAYER_FILES.recipe));
}
