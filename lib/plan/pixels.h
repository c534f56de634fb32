/* SPDX-License-Identifier: BSD-2-Clause
 * How tensors' pixels lie: dense, one after the other, but for two kinds of f32 tensors.
 *   - What only a concatenation along the channels reads is written where that would copy it, into its result.
 *   - Pixels that are almost whole lines of the caches, of 300 channels, say, are padded to whole ones: a vector then
 *     never lies on two lines, and can go past the caches.
 * conv2d, concat, pixel_shuffle and resize can write such tensors, conv2d can read them, as input 0 and as residual. */
#ifndef CZ_PLAN_PIXELS_H
#define CZ_PLAN_PIXELS_H

#include "kernels/kernel.h"
#include "model/model.h"

typedef struct cz_pixels {
    uint32_t host; /* the tensor in whose pixels these lie: the concatenation, or itself */
    uint32_t like; /* a tensor with which it is padded, or not; itself: the one that tells for all of these */
    size_t shift;  /* floats from the host's first channel to its own */
    size_t step;   /* floats from one pixel to the next */
    uint32_t readers;
    bool padded;
} cz_pixels;

/** Finds how all tensors of these shapes lie. */
void cz_pixels_make(const cz_model *m, const cz_shape *shapes, cz_pixels *all);

#endif
