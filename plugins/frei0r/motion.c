/* SPDX-License-Identifier: BSD-2-Clause */
#include "motion.h"

#include <stdlib.h>
#include <string.h>

bool pyramid_make(pyramid *p, int width, int height) {
    memset(p, 0, sizeof *p);
    while (p->levels < PYRAMID_LEVELS && (p->levels == 0 || (width >= 32 && height >= 32))) {
        const int i = p->levels++;
        p->width[i] = width;
        p->height[i] = height;
        p->level[i] = malloc((size_t)width * (size_t)height);
        if (p->level[i] == NULL) return false;
        width /= 2;
        height /= 2;
    }
    return true;
}

void pyramid_free(pyramid *p) {
    for (int i = 0; i < PYRAMID_LEVELS; i++) free(p->level[i]);
    memset(p, 0, sizeof *p);
}

static void halve(const uint8_t *from, int from_width, uint8_t *to, int width, int height) {
    for (int y = 0; y < height; y++) {
        const uint8_t *a = from + 2 * (size_t)y * (size_t)from_width, *b = a + from_width;
        uint8_t *row = to + (size_t)y * (size_t)width;
        for (int x = 0; x < width; x++) row[x] = (uint8_t)((a[2 * x] + a[2 * x + 1] + b[2 * x] + b[2 * x + 1] + 2) / 4);
    }
}

void pyramid_fill(pyramid *p, const uint8_t *rgba) {
    const size_t pixels = (size_t)p->width[0] * (size_t)p->height[0];
    for (size_t i = 0; i < pixels; i++) /* BT.709 weights in 256ths */
        p->level[0][i] = (uint8_t)((54 * rgba[4 * i] + 183 * rgba[4 * i + 1] + 19 * rgba[4 * i + 2] + 128) / 256);
    for (int i = 1; i < p->levels; i++) halve(p->level[i - 1], p->width[i - 1], p->level[i], p->width[i], p->height[i]);
}

static int larger(int a, int b) { return a > b ? a : b; }
static int smaller(int a, int b) { return a < b ? a : b; }

/** Mean absolute difference of a level where the frames overlap, shifted by x, y. */
static float difference(const pyramid *before, const pyramid *now, int level, int x, int y) {
    const int width = now->width[level], height = now->height[level];
    const int x0 = larger(0, x), x1 = smaller(width, width + x), y0 = larger(0, y), y1 = smaller(height, height + y);
    uint64_t sum = 0;
    if (x1 <= x0 || y1 <= y0) return 256.0f;
    for (int row = y0; row < y1; row++) {
        const uint8_t *a = now->level[level] + (ptrdiff_t)row * width + x0;
        const uint8_t *b = before->level[level] + (ptrdiff_t)(row - y) * width + x0 - x;
        uint32_t part = 0;
        for (int i = 0; i < x1 - x0; i++) part += (uint32_t)abs(a[i] - b[i]);
        sum += part;
    }
    return (float)sum / ((float)(x1 - x0) * (float)(y1 - y0));
}

typedef struct {
    int x, y;
    float difference;
} candidate;

/** The best shift within `radius` of `start`, which wins when others are only as good. */
static candidate search(const pyramid *before, const pyramid *now, int level, candidate start, int radius) {
    candidate best = start;
    best.difference = difference(before, now, level, start.x, start.y);
    for (int y = start.y - radius; y <= start.y + radius; y++) {
        for (int x = start.x - radius; x <= start.x + radius; x++) {
            const float d = difference(before, now, level, x, y);
            if (d < best.difference) best = (candidate){x, y, d};
        }
    }
    return best;
}

/** Where a parabola through three differences a pixel apart has its lowest point, -0.5 .. 0.5 from the middle one. */
static float lowest(float left, float middle, float right) {
    const float bend = left - 2 * middle + right;
    return bend > 0 ? 0.5f * (left - right) / bend : 0;
}

motion motion_find(const pyramid *before, const pyramid *now) {
    const int top = now->levels - 1;
    const int reach = smaller(now->width[top], now->height[top]) / 8;
    candidate c = search(before, now, top, (candidate){0}, reach);
    motion m = {.difference = c.difference};
    for (int level = top - 1; level >= 0; level--) {
        c.x *= 2;
        c.y *= 2;
        c = search(before, now, level, c, 1);
    }
    const float x0 = difference(before, now, 0, c.x - 1, c.y), x1 = difference(before, now, 0, c.x + 1, c.y);
    const float y0 = difference(before, now, 0, c.x, c.y - 1), y1 = difference(before, now, 0, c.x, c.y + 1);
    m.x = (float)c.x + lowest(x0, c.difference, x1);
    m.y = (float)c.y + lowest(y0, c.difference, y1);
    return m;
}
