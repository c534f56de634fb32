/* SPDX-License-Identifier: BSD-2-Clause
 * pixel_shuffle: channel c r r + dy r + dx of pixel (h, w) goes to channel c of pixel (h r + dy, w r + dx).
 * Unit: one row of input pixels, r rows of output. */
#include "kernels/units.h"

static bool prepare(cz_call *call) {
    call->units = cz_product(&call->in[0], 0, 2);
    call->scratch = 0;
    return true;
}

static void run(const cz_call *call, const float *const *in, float *out, size_t begin, size_t end, void *scratch) {
    (void)scratch;
    const cz_attr_pixel_shuffle *a = call->attr;
    const size_t r = (size_t)a->factor, width = call->in[0].d[2], c = call->out.d[3], step = cz_out_step(call);
    for (size_t u = begin; u < end; u++)
        for (size_t dy = 0; dy < r; dy++)
            for (size_t w = 0; w < width; w++) {
                const float *x = in[0] + (u * width + w) * c * r * r + dy * r;
                float *y = out + ((u * r + dy) * width + w) * r * step;
                for (size_t dx = 0; dx < r; dx++)
                    for (size_t i = 0; i < c; i++) y[dx * step + i] = x[i * r * r + dx];
            }
}

const cz_kernel cz_kernel_pixel_shuffle = {.prepare = prepare, .run = run};
