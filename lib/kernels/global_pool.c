/* SPDX-License-Identifier: BSD-2-Clause
 * global_pool: the largest, or the mean, over H and W of each channel. A lane is a channel. The sum of a row of pixels
 * goes left to right; the sums of the rows are added from top to bottom; the mean is that divided by H W.
 * Unit: 64 channels of one image. */
#include "kernels/set.h"

#define CHANNELS ((size_t)64)

static bool prepare(cz_call *call) {
    call->units = call->out.d[0] * cz_ceil_div(call->out.d[3], CHANNELS);
    call->scratch = 0;
    return true;
}

/** n channels of an image, from x on. */
static void pool(const cz_call *call, const float *x, float *y, size_t n) {
    const size_t height = call->in[0].d[1], width = call->in[0].d[2], c = call->in[0].d[3];
    const cz_span rows = {0, height, height}, row = {0, width, 1}, one = {0, 1, 1};
    const cz_attr_pool2d largest = {.kind = CZ_POOL_LARGEST}, sum = {.kind = CZ_POOL_MEAN, .count_pad = 1}; /* of 1 */
    float total[CHANNELS] = {0};
    if (((const cz_attr_global_pool *)call->attr)->kind == CZ_POOL_LARGEST) {
        call->set->pool_window(&largest, x, width * c, c, rows, row, y, n);
        return;
    }
    for (size_t i = 0; i < height; i++, x += width * c) {
        call->set->pool_window(&sum, x, 0, c, one, row, y, n);
        for (size_t k = 0; k < n; k++) total[k] += y[k];
    }
    for (size_t k = 0; k < n; k++) y[k] = total[k] / (float)(height * width);
}

static void run(const cz_call *call, const float *const *in, float *out, size_t begin, size_t end, void *scratch) {
    const size_t c = call->in[0].d[3], blocks = cz_ceil_div(c, CHANNELS);
    (void)scratch;
    for (size_t u = begin; u < end; u++) {
        const size_t image = u / blocks, first = u % blocks * CHANNELS;
        pool(call, in[0] + image * call->in[0].d[1] * call->in[0].d[2] * c + first, out + image * c + first,
             cz_min(CHANNELS, c - first));
    }
}

const cz_kernel cz_kernel_global_pool = {.prepare = prepare, .run = run};
