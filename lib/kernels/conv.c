/* SPDX-License-Identifier: BSD-2-Clause
 * conv2d: out[n][oy][ox][co] = epilogue(sum), sum = bias[co]; for ky, kx, ci ascending:
 *   sum = fma(x[n][oy stride_h - pad_top + ky dilation_h][ox stride_w - pad_left + kx dilation_w][ci],
 *             w[co][ky][kx][ci], sum)
 * ci runs over the channels of co's group; outside the input x is zero, or the nearest pixel. Where winograd.c is
 * cheaper, by shapes alone, its sum takes the place of this one. */
#include "kernels/winograd.h"

#include <string.h>

static bool is_depthwise(const cz_call *call) {
    const cz_attr_conv2d *a = call->attr;
    const cz_shape *w = &call->weight->shape;
    return a->groups > 1 && w->d[3] == 1 && w->d[0] == (uint32_t)a->groups;
}

/** The row pointers of `count` output pixels from `first` on; see cz_rows_fn. */
static void fill(const void *context, size_t first, size_t count, const float **rows, size_t *pixel) {
    const cz_conv *c = context;
    const size_t width = (size_t)c->out_width, height = (size_t)c->out_height;
    size_t ox = first % width, oy = first / width % height, n = first / width / height;
    for (size_t p = 0; p < CZ_MR; p++) {
        const int64_t y0 = (int64_t)oy * c->stride_h - c->pad_top, x0 = (int64_t)ox * c->stride_w - c->pad_left;
        const float **row = rows + p;
        pixel[p] = first + cz_min(p, count - 1);
        if (y0 >= 0 && x0 >= 0 && y0 + (c->kernel_h - 1) * c->dilation_h < c->height &&
            x0 + (c->kernel_w - 1) * c->dilation_w < c->width) {
            const float *line = cz_conv_pixel(c, n, y0, x0);
            const size_t right = (size_t)c->dilation_w * c->channels;
            const size_t down = (size_t)c->dilation_h * (size_t)c->width * c->channels;
            for (int64_t ky = 0; ky < c->kernel_h; ky++)
                for (int64_t kx = 0; kx < c->kernel_w; kx++, row += CZ_MR)
                    *row = line + (size_t)ky * down + (size_t)kx * right;
        } else {
            for (int64_t ky = 0; ky < c->kernel_h; ky++)
                for (int64_t kx = 0; kx < c->kernel_w; kx++, row += CZ_MR)
                    *row = cz_conv_pixel(c, n, y0 + ky * c->dilation_h, x0 + kx * c->dilation_w);
        }
        if (p + 1 < count && ++ox == width) {
            ox = 0;
            if (++oy == height) {
                oy = 0;
                n++;
            }
        }
    }
}

static bool packed_size(const cz_call *call, size_t *bytes) {
    const cz_attr_conv2d *a = call->attr;
    const cz_shape *w = &call->weight->shape;
    const size_t groups = (size_t)a->groups, taps = (size_t)w->d[1] * w->d[2];
    const bool fits = is_depthwise(call) ? CZ_NAME(cz_gemm_packed)(1, groups, taps, 1, bytes)
                                         : CZ_NAME(cz_gemm_packed)(groups, w->d[0] / groups, taps, w->d[3], bytes);
    return fits && cz_mul(*bytes, sizeof(float), bytes);
}

static void pack(const cz_call *call, void *packed) {
    const cz_attr_conv2d *a = call->attr;
    const cz_shape *w = &call->weight->shape;
    const size_t depth = (size_t)w->d[1] * w->d[2] * w->d[3];
    const size_t groups = is_depthwise(call) ? 1 : (size_t)a->groups, group_out = w->d[0] / groups;
    size_t group_floats = 0;
    (void)CZ_NAME(cz_gemm_packed)(1, group_out, depth, 1, &group_floats); /* fits: packed_size() has said so */
    for (size_t g = 0; g < groups; g++)
        CZ_NAME(cz_pack_rows)(call->weight, g * group_out, group_out, depth, (float *)packed + g * group_floats);
}

static bool plan(const cz_call *call, cz_gemm *g) {
    const cz_attr_conv2d *a = call->attr;
    const cz_shape *w = &call->weight->shape, *out = &call->out;
    *g = (cz_gemm){.pixels = (size_t)out->d[0] * out->d[1] * out->d[2], .taps = (size_t)w->d[1] * w->d[2]};
    g->groups = (size_t)a->groups;
    g->group_in = w->d[3];
    g->group_out = w->d[0] / g->groups;
    return CZ_NAME(cz_gemm_plan)(g);
}

static cz_wino_axis axis_of(uint32_t out, int32_t pad, int32_t dilation) {
    const size_t phases = (size_t)dilation;
    return (cz_wino_axis){phases, out % phases, out / phases, 0, dilation, -pad, dilation};
}

/* see winograd.h */
bool CZ_NAME(cz_conv_winograd)(const cz_call *call, cz_wino *w) {
    const cz_attr_conv2d *a = call->attr;
    const cz_shape *k = &call->weight->shape, *out = &call->out;
    if (a->groups != 1 || k->d[1] != 3 || k->d[2] != 3 || a->stride_h != 1 || a->stride_w != 1) return false;
    *w = (cz_wino){.c = cz_conv_make(call), .images = out->d[0], .out = out->d[3], .taps = 3};
    w->y = axis_of(out->d[1], a->pad_top, a->dilation_h);
    w->x = axis_of(out->d[2], a->pad_left, a->dilation_w);
    return CZ_NAME(cz_wino_plan)(w);
}

static bool prepare(cz_call *call) {
    if (is_depthwise(call)) return CZ_NAME(cz_depthwise_prepare)(call);
    cz_wino w;
    if (CZ_NAME(cz_conv_winograd)(call, &w)) {
        call->units = w.units;
        call->scratch = w.scratch;
        return true;
    }
    cz_gemm g;
    size_t zeros;
    if (!plan(call, &g)) return false;
    call->units = g.units;
    call->scratch = g.scratch;
    return cz_layout(&call->scratch, call->in[0].d[3], sizeof(float), &zeros) &&
           cz_align_up(call->scratch, &call->scratch);
}

static void run(const cz_call *call, const float *const *in, float *out, size_t begin, size_t end, void *scratch) {
    if (is_depthwise(call)) {
        CZ_NAME(cz_depthwise_run)(call, in, out, begin, end, scratch);
        return;
    }
    const cz_attr_conv2d *a = call->attr;
    const cz_epilogue e = cz_epilogue_make(in, a->act, a->act_p0, a->act_p1, a->residual);
    cz_wino w;
    if (CZ_NAME(cz_conv_winograd)(call, &w)) {
        w.c.x = in[0];
        CZ_NAME(cz_wino_run)(&w, call->packed, &e, out, begin, end, scratch);
        return;
    }
    cz_conv c = cz_conv_make(call);
    cz_gemm g;
    if (!plan(call, &g)) return; /* cannot be: prepare() has made the same plan */
    float *zeros = (float *)(void *)((unsigned char *)scratch + g.scratch);
    memset(zeros, 0, c.channels * sizeof *zeros);
    c.x = in[0];
    c.zeros = zeros;
    CZ_NAME(cz_gemm_run)(&g, call->packed, &e, fill, &c, out, call->out.d[3], begin, end, scratch);
}

const cz_kernel CZ_NAME(cz_kernel_conv2d) = {packed_size, pack, prepare, run};
