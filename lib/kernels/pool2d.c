/* SPDX-License-Identifier: BSD-2-Clause
 * pool2d: the largest, or the mean, of each window, channel by channel; a lane is a channel and takes the window's
 * samples row by row, left to right. The mean is the sum divided by the number of samples inside the input, or, with
 * count_pad, inside input and padding. A window without a sample gives 0. Unit: a row of output pixels. */
#define CZ_LANE_WISE /* see vec.h */
#include "kernels/light.h"

#include <float.h>

/** One axis of a window: samples first .. last - 1 of the input, `counted` of input and padding. */
typedef struct span {
    size_t first, last, counted;
} span;

static span span_of(size_t index, int32_t kernel, int32_t stride, int32_t before, int32_t after, size_t size) {
    const int64_t start = (int64_t)index * stride - before, padded = (int64_t)size + after;
    const int64_t end = start + kernel < padded ? start + kernel : padded;
    const int64_t first = start > 0 ? start : 0, last = end < (int64_t)size ? end : (int64_t)size;
    return (span){(size_t)first, (size_t)(last > first ? last : first), (size_t)(end > start ? end - start : 0)};
}

static bool prepare(cz_call *call) {
    call->units = cz_product(&call->out, 0, 2);
    call->scratch = 0;
    return true;
}

/** One output pixel; x is the image's first sample. */
static void window(const cz_attr_pool2d *a, const float *x, size_t width, size_t c, span v, span h, float *y) {
    const size_t inside = (v.last - v.first) * (h.last - h.first);
    const vf count = vf_set1((float)(a->count_pad ? v.counted * h.counted : inside));
    VF_FOR(i, c, n) {
        vf r = a->kind == 0 ? vf_set1(-FLT_MAX) : vf_zero();
        for (size_t row = v.first; row < v.last; row++)
            for (size_t column = h.first; column < h.last; column++) {
                const vf s = vf_load_n(x + (row * width + column) * c + i, n);
                r = a->kind == 0 ? vf_max(s, r) : vf_add(r, s);
            }
        if (a->kind == 1) r = vf_div(r, count);
        vf_store_n(y + i, inside > 0 ? r : vf_zero(), n);
    }
}

static void run(const cz_call *call, const float *const *in, float *out, size_t begin, size_t end, void *scratch) {
    (void)scratch;
    const cz_attr_pool2d *a = call->attr;
    const size_t height = call->in[0].d[1], width = call->in[0].d[2], c = call->in[0].d[3];
    const size_t out_height = call->out.d[1], out_width = call->out.d[2];
    for (size_t u = begin; u < end; u++) {
        const float *x = in[0] + u / out_height * height * width * c;
        const span v = span_of(u % out_height, a->kernel_h, a->stride_h, a->pad_top, a->pad_bottom, height);
        for (size_t i = 0; i < out_width; i++) {
            const span h = span_of(i, a->kernel_w, a->stride_w, a->pad_left, a->pad_right, width);
            window(a, x, width, c, v, h, out + (u * out_width + i) * c);
        }
    }
}

const cz_kernel CZ_NAME(cz_kernel_pool2d) = {.prepare = prepare, .run = run};
