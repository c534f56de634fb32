/* SPDX-License-Identifier: BSD-2-Clause
 * pad of H and W with a constant, the nearest pixel of the edge, or the mirror image without the edge.
 * Unit: one row of output pixels. */
#include "kernels/units.h"

enum { CONSTANT = 0, REPLICATE = 1, REFLECT = 2 };

static bool prepare(cz_call *call) {
    call->units = cz_product(&call->out, 0, 2);
    call->scratch = 0;
    return true;
}

/** The input's index for an output index; SIZE_MAX: outside, takes the constant. */
static size_t source(int32_t mode, size_t index, int32_t before, size_t size) {
    const int64_t i = (int64_t)index - before, n = (int64_t)size;
    if (i >= 0 && i < n) return (size_t)i;
    if (mode == REPLICATE) return i < 0 ? 0 : size - 1;
    if (mode == REFLECT) return (size_t)(i < 0 ? -i : 2 * (n - 1) - i);
    return SIZE_MAX;
}

static void fill(float *y, size_t n, float value) {
    for (size_t i = 0; i < n; i++) y[i] = value;
}

/** Output pixels first .. last - 1 of one row, all of them left or right of the input. */
static void side(const cz_call *call, const float *x, float *y, size_t first, size_t last) {
    const cz_attr_pad *a = call->attr;
    const size_t c = call->out.d[3], width = call->in[0].d[2];
    if (a->mode == CONSTANT)
        fill(y + first * c, (last - first) * c, a->value);
    else
        for (size_t i = first; i < last; i++)
            memcpy(y + i * c, x + source(a->mode, i, a->pad_left, width) * c, c * sizeof *y);
}

static void run(const cz_call *call, const float *const *in, float *out, size_t begin, size_t end, void *scratch) {
    (void)scratch;
    const cz_attr_pad *a = call->attr;
    const size_t height = call->in[0].d[1], width = call->in[0].d[2], c = call->in[0].d[3];
    const size_t out_height = call->out.d[1], out_width = call->out.d[2], left = (size_t)a->pad_left;
    for (size_t u = begin; u < end; u++) {
        float *y = out + u * out_width * c;
        const size_t row = source(a->mode, u % out_height, a->pad_top, height);
        if (row == SIZE_MAX) {
            fill(y, out_width * c, a->value);
            continue;
        }
        const float *x = in[0] + (u / out_height * height + row) * width * c;
        side(call, x, y, 0, left);
        memcpy(y + left * c, x, width * c * sizeof *y);
        side(call, x, y, left + width, out_width);
    }
}

const cz_kernel cz_kernel_pad = {.prepare = prepare, .run = run};
