/* SPDX-License-Identifier: BSD-2-Clause
 * The loop of pool2d and global_pool. */
#define CZ_LANE_WISE /* see vec.h */
#include "kernels/light.h"
#include "kernels/set.h"

#include <float.h>

/** A window: its samples begin at x. */
typedef struct window {
    const float *x;
    size_t down, right, height, width;
    float sign; /* -1: the least of x, as the largest of -x */
} window;

/** The sum, or the largest, of m lanes; what is constant where it is inlined is not looked at for every sample. */
CZ_INLINE vf reduce(const window *w, size_t i, size_t m, bool mean) {
    const vf sign = vf_set1(w->sign);
    const float *row = w->x + i;
    vf r = vf_set1(mean ? 0 : -FLT_MAX);
    for (size_t h = w->height; h > 0; h--, row += w->down) {
        const float *at = row;
        for (size_t k = w->width; k > 0; k--, at += w->right) {
            const vf s = vf_load_n(at, m);
            r = mean ? vf_add(r, s) : vf_max(vf_mul(s, sign), r);
        }
    }
    return r;
}

void CZ_NAME(cz_pool_window)(const cz_attr_pool2d *a, const float *x, size_t down, size_t right, cz_span rows,
                             cz_span columns, float *y, size_t n) {
    const bool mean = a->kind == CZ_POOL_MEAN;
    const window w = {.x = x + rows.first * down + columns.first * right,
                      .down = down,
                      .right = right,
                      .height = rows.last - rows.first,
                      .width = columns.last - columns.first,
                      .sign = a->kind == CZ_POOL_LEAST ? -1.0f : 1.0f};
    const size_t inside = w.height * w.width;
    const vf count = vf_set1((float)(a->count_pad ? rows.counted * columns.counted : inside));
    VF_FOR(i, n, m) {
        vf r = mean ? reduce(&w, i, m, true) : m == VL ? reduce(&w, i, VL, false) : reduce(&w, i, m, false);
        r = mean ? vf_div(r, count) : vf_mul(r, vf_set1(w.sign));
        vf_store_n(y + i, inside > 0 ? r : vf_zero(), m);
    }
}
