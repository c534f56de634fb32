/* SPDX-License-Identifier: BSD-2-Clause */
#include "image/image.h"

/** a b / c to the nearest, at least 1. */
static uint32_t scaled(uint64_t a, uint64_t b, uint64_t c) {
    const uint64_t r = (2 * a * b + c) / (2 * c);
    return (uint32_t)(r > 0 ? r : 1);
}

static uint32_t round_up(uint32_t a, uint32_t multiple) { return (a + multiple - 1) / multiple * multiple; }

void cz_grid_init(cz_grid *g, uint32_t width, uint32_t height, uint32_t short_side, uint32_t multiple, uint32_t cell) {
    const uint32_t low = width < height ? width : height, high = width < height ? height : width;
    uint32_t low_side = short_side, high_side = scaled(high, short_side, low);
    if (high_side > 4 * short_side) {
        high_side = 4 * short_side;
        low_side = scaled(low, high_side, high);
    }
    g->width = width;
    g->height = height;
    g->w = width < height ? low_side : high_side;
    g->h = width < height ? high_side : low_side;
    g->pw = round_up(g->w, multiple);
    g->ph = round_up(g->h, multiple);
    g->cell = cell;
    g->cw = g->pw / cell;
    g->ch = g->ph / cell;
}
