/* SPDX-License-Identifier: BSD-2-Clause
 * global_pool: the largest, or the mean, over H and W of each channel. A lane is a channel. The sum of a row of pixels
 * goes left to right; the sums of the rows are added from top to bottom; the mean is that divided by H W.
 * Unit: 64 channels of one image. */
#include "kernels/light.h"

#include <float.h>

#define CHANNELS ((size_t)64)

static bool prepare(cz_call *call) {
    call->units = call->out.d[0] * cz_ceil_div(call->out.d[3], CHANNELS);
    call->scratch = 0;
    return true;
}

/** 16 channels, of which n are there. */
static vf pool(bool mean, const float *x, size_t height, size_t width, size_t c, size_t n) {
    vf total = mean ? vf_zero() : vf_set1(-FLT_MAX);
    for (size_t y = 0; y < height; y++) {
        vf row = mean ? vf_zero() : total;
        for (size_t i = 0; i < width; i++) {
            const vf s = vf_load_n(x + (y * width + i) * c, n);
            row = mean ? vf_add(row, s) : vf_max(s, row);
        }
        total = mean ? vf_add(total, row) : row;
    }
    return mean ? vf_div(total, vf_set1((float)(height * width))) : total;
}

static void run(const cz_call *call, const float *const *in, float *out, size_t begin, size_t end, void *scratch) {
    (void)scratch;
    const cz_attr_global_pool *a = call->attr;
    const size_t height = call->in[0].d[1], width = call->in[0].d[2], c = call->in[0].d[3];
    const size_t blocks = cz_ceil_div(c, CHANNELS);
    for (size_t u = begin; u < end; u++) {
        const size_t image = u / blocks, first = u % blocks * CHANNELS;
        const float *x = in[0] + image * height * width * c + first;
        VF_FOR(i, cz_min(CHANNELS, c - first), n)
        vf_store_n(out + image * c + first + i, pool(a->kind == 1, x + i, height, width, c, n), n);
    }
}

const cz_kernel CZ_NAME(cz_kernel_global_pool) = {.prepare = prepare, .run = run};
