/* SPDX-License-Identifier: BSD-2-Clause
 * pool2d: the largest, the mean, or the least of each window, channel by channel; a lane is a channel and takes the
 * window's samples row by row, left to right. The mean is the sum divided by the number of samples inside the input,
 * or, with count_pad, inside input and padding. A window without a sample gives 0. Unit: a row of output pixels.
 *
 * Few channels would leave most lanes empty. Extremes, of which no order shows but that of 0 and -0, are then found
 * with all pixels of a row side by side in the lanes: first of the row's input rows, then of as many neighbours as a
 * window is wide, at every place, of which every stride_w-th is the result. */
#include "kernels/set.h"
#include "kernels/units.h"

#include <float.h>

#define LONGEST ((size_t)1 << 15) /* floats of a row, with its padding */

static cz_span span_of(size_t index, int32_t kernel, int32_t stride, int32_t before, int32_t after, size_t size) {
    const int64_t start = (int64_t)index * stride - before, padded = (int64_t)size + after;
    const int64_t end = start + kernel < padded ? start + kernel : padded;
    const int64_t first = start > 0 ? start : 0, last = end < (int64_t)size ? end : (int64_t)size;
    return (cz_span){(size_t)first, (size_t)(last > first ? last : first), (size_t)(end > start ? end - start : 0)};
}

/** Input pixels, and padding, that a row of windows goes over. */
static size_t reach_of(const cz_call *call) {
    const cz_attr_pool2d *a = call->attr;
    return (size_t)(call->out.d[2] - 1) * (size_t)a->stride_w + (size_t)a->kernel_w;
}

static bool prepare(cz_call *call) {
    const cz_attr_pool2d *a = call->attr;
    const size_t reach = reach_of(call), c = call->in[0].d[3], kh = (size_t)a->kernel_h, kw = (size_t)a->kernel_w;
    const bool pays = (size_t)a->stride_w * c * (kh + kw) <= CZ_BLOCK * kh * kw; /* vectors that are read */
    call->units = cz_product(&call->out, 0, 2);
    call->scratch = pays && a->kind != CZ_POOL_MEAN && reach <= LONGEST / c ? reach * c * sizeof(float) : 0;
    return true;
}

/** A row of output pixels, both ways one after the other, by way of `line`; x is the image's first sample. */
static void row_of(const cz_call *call, const float *x, cz_span v, float *line, float *out) {
    const cz_attr_pool2d *a = call->attr;
    const size_t c = call->in[0].d[3], reach = reach_of(call), before = (size_t)a->pad_left;
    const size_t width = call->in[0].d[2], inside = cz_min(width, reach - before);
    for (size_t i = 0; inside < reach && i < reach * c; i++) line[i] = a->kind == CZ_POOL_LEAST ? FLT_MAX : -FLT_MAX;
    call->set->pool_window(a, x, width * c, 0, v, (cz_span){0, 1, 1}, line + before * c, inside * c);
    call->set->pool_window(a, line, 0, c, (cz_span){0, 1, 1}, (cz_span){0, (size_t)a->kernel_w, 1}, line,
                           (reach - (size_t)a->kernel_w + 1) * c);
    for (size_t i = 0; i < call->out.d[2]; i++, line += (size_t)a->stride_w * c, out += cz_out_step(call))
        for (size_t k = 0; k < c; k++) out[k] = line[k];
}

static void run(const cz_call *call, const float *const *in, float *out, size_t begin, size_t end, void *scratch) {
    const cz_attr_pool2d *a = call->attr;
    const size_t height = call->in[0].d[1], width = call->in[0].d[2], c = call->in[0].d[3];
    const size_t out_height = call->out.d[1], out_width = call->out.d[2], step = cz_out_step(call);
    for (size_t u = begin; u < end; u++) {
        const float *x = in[0] + u / out_height * height * width * c;
        const cz_span v = span_of(u % out_height, a->kernel_h, a->stride_h, a->pad_top, a->pad_bottom, height);
        float *const row = out + u * out_width * step;
        if (call->scratch > 0) {
            row_of(call, x, v, scratch, row);
            continue;
        }
        for (size_t i = 0; i < out_width; i++)
            call->set->pool_window(a, x, width * c, c, v,
                                   span_of(i, a->kernel_w, a->stride_w, a->pad_left, a->pad_right, width),
                                   row + i * step, c);
    }
}

const cz_kernel cz_kernel_pool2d = {.prepare = prepare, .run = run};
