/* SPDX-License-Identifier: BSD-2-Clause
 * Other plausible colourings of a photograph. */
#ifndef CZ_IMAGE_ALTERNATIVES_H
#define CZ_IMAGE_ALTERNATIVES_H

#include "image/pipeline.h"

/** Bytes of `memory` in cz_alternatives. @return false when they do not fit a size_t. */
bool cz_alternatives_bytes(const cz_grid *g, size_t *bytes);
/** Finds at most `wanted` (1 .. COLORIZER_MAX_ALTERNATIVES) colourings of the photograph in `p`, each as
 *  COLORIZER_ALTERNATIVE_HINTS hints, whose struct_size is left 0, and a probability; what was analyzed stays.
 *  @return false when cancelled. */
bool cz_alternatives(cz_pipeline *p, const cz_settings *settings, uint64_t seed, size_t wanted, void *memory,
                     float *probability, colorizer_hint *hints, size_t *count);

#endif
