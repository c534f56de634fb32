/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Luminance of frames in several sizes, and by how much one frame is shifted against another. */
#ifndef FREI0R_MOTION_H
#define FREI0R_MOTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PYRAMID_LEVELS 4

/** Luminance of a frame, 0..255, and its halves; level 0 is the frame itself. */
typedef struct {
    int levels;
    int width[PYRAMID_LEVELS], height[PYRAMID_LEVELS];
    uint8_t *level[PYRAMID_LEVELS];
} pyramid;

/** Allocates the levels, as many as leave 32 pixels on the short side. */
bool pyramid_make(pyramid *p, int width, int height);
void pyramid_free(pyramid *p);

/** Fills all levels from RGBA pixels. */
void pyramid_fill(pyramid *p, const uint8_t *rgba);

/** How a frame lies against the one before. */
typedef struct {
    float x, y;       /**< What was at (column - x, row - y) before is now at (column, row). */
    float difference; /**< Mean difference of luminance, in codes, at the coarsest level: what the shift leaves. */
} motion;

/** Finds the shift of the whole frame: every shift within an eighth of the frame at the coarsest level, refined level
 *  by level, at last below a pixel. Of equally good shifts the smallest is taken. */
motion motion_find(const pyramid *before, const pyramid *now);

#endif
