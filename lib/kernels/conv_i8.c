/* SPDX-License-Identifier: BSD-2-Clause
 * conv2d_i8: out[oy][ox][co] = end(fma((float)sum, x_scale w_scale[co], bias[co])), sum = the sum of
 *   (x[oy stride - pad_top + ky dilation][ox stride - pad_left + kx dilation][ci] - x_zero) w[co][ky][kx][ci]
 * over ky, kx and the channels ci of co's group; outside the input x is x_zero. The sum is of integers and exact: no
 * order of it shows. end is epilogue.h's, to f32 or u8.
 *
 * Dense: sum x w is made by vi_dot4, four input channels at a time; - x_zero sum w is where it starts. Depthwise: by
 * depthwise.c, whose f32 sums of integers are exact as long as they stay below 2^24. */
#include "kernels/isa.h"
#include "kernels/set.h"

#include <string.h>

/** The call as one of a conv2d; `attr` holds its attributes. */
static cz_call as_conv2d(const cz_call *call, cz_attr_conv2d *attr) {
    cz_call as = *call;
    *attr = cz_conv2d_of_i8(call->attr);
    as.attr = attr;
    return as;
}

static bool is_depthwise(const cz_call *call) { return ((const cz_attr_conv2d_i8 *)call->attr)->groups != 1; }

/* ---------------------------------------------------------------- weights
 * factor[co], start[co] in whole vectors, then dense [block of 16][tap][four channels][16][4] i8 with missing channels
 * 0, or depthwise [block][tap][16] f32. Either takes as much as floats of that many [taps][quads] would. */

typedef struct layout {
    size_t outs, taps, quads; /* padded outputs; 4 input channels each, 1 of a depthwise convolution */
    size_t start, weights, bytes;
} layout;

static bool layout_of(const cz_call *call, layout *l) {
    const cz_shape *w = &call->weight->shape;
    *l = (layout){.outs = cz_ceil_div(w->d[0], CZ_BLOCK) * CZ_BLOCK,
                  .taps = (size_t)w->d[1] * w->d[2],
                  .quads = cz_ceil_div(w->d[3], 4)};
    size_t factor, floats;
    return cz_layout(&l->bytes, l->outs, sizeof(float), &factor) &&
           cz_layout(&l->bytes, l->outs, sizeof(int32_t), &l->start) &&
           cz_gemm_packed(1, l->outs, l->taps, l->quads, &floats) &&
           cz_layout(&l->bytes, floats, sizeof(float), &l->weights) && cz_align_up(l->bytes, &l->bytes);
}

static bool packed_size(const cz_call *call, size_t *bytes) {
    layout l;
    if (!layout_of(call, &l)) return false;
    *bytes = l.bytes;
    return true;
}

static void pack(const cz_call *call, void *packed) {
    const cz_attr_conv2d_i8 *a = call->attr;
    const size_t outs = call->weight->shape.d[0], channels = call->weight->shape.d[3];
    const int8_t *w = call->weight->data;
    layout l;
    if (!layout_of(call, &l)) return; /* cannot be: packed_size() has said so */
    unsigned char *base = packed;
    float *factor = packed;
    int32_t *start = (int32_t *)(void *)(base + l.start);
    for (size_t o = 0; o < outs; o++) {
        const size_t at =
            (o / CZ_BLOCK * l.taps * l.quads * CZ_BLOCK + o % CZ_BLOCK) * sizeof(float); /* of the first tap */
        int32_t sum = 0;
        for (size_t t = 0; t < l.taps; t++)
            for (size_t c = 0; c < channels; c++, w++) {
                unsigned char *to = base + l.weights + at + (t * l.quads + c / 4) * CZ_BLOCK * sizeof(float);
                const float value = *w;
                sum += *w;
                if (is_depthwise(call))
                    memcpy(to, &value, sizeof value);
                else
                    memcpy(to + c % 4, w, 1);
            }
        factor[o] = a->x_scale * call->weight->scale[o];
        start[o] = is_depthwise(call) ? 0 : -a->x_zero * sum; /* below 2^31: the shape rule has said so */
    }
}

/* ---------------------------------------------------------------- the kernel */

static bool plan(const cz_call *call, cz_gemm *g, size_t *padding, size_t *bytes) {
    const cz_shape *out = &call->out;
    layout l;
    if (!layout_of(call, &l)) return false;
    *g = (cz_gemm){.set = call->set,
                   .pixels = (size_t)out->d[1] * out->d[2],
                   .taps = l.taps,
                   .groups = 1,
                   .group_in = l.quads,
                   .group_out = out->d[3]};
    if (!cz_gemm_plan(g)) return false;
    *bytes = g->scratch;
    return cz_layout(bytes, l.quads, 4, padding) && cz_align_up(*bytes, bytes);
}

static bool prepare(cz_call *call) {
    if (is_depthwise(call)) {
        cz_attr_conv2d attr;
        cz_call as = as_conv2d(call, &attr);
        if (!cz_depthwise_prepare(&as)) return false;
        call->units = as.units;
        call->scratch = as.scratch;
        return true;
    }
    cz_gemm g;
    size_t padding;
    if (!plan(call, &g, &padding, &call->scratch)) return false;
    call->units = g.units;
    return true;
}

/** v as cz_quantize has it before it is rounded to whole numbers. Nearly: that rounding decides. */
static float stepped(const cz_epilogue *e, float v) { return v * e->steps + e->zero; }

static cz_epilogue epilogue_of(const cz_call *call, const float *const *in, const layout *l) {
    const cz_attr_conv2d_i8 *a = call->attr;
    cz_epilogue e = cz_epilogue_make(in, a->act, a->act_p0, a->act_p1, a->residual);
    e.factor = call->packed;
    e.start = (const int32_t *)(const void *)((const unsigned char *)call->packed + l->start);
    if (a->out_scale == 0) return e;
    e.steps = 1.0f / a->out_scale;
    e.zero = (float)a->out_zero;
    /* A clamp to limits that u8 has anyway changes nothing: fma and rounding keep order. */
    const bool relu = e.act == CZ_ACT_LEAKY_RELU && e.p0 == 0, clamp = e.act == CZ_ACT_CLAMP;
    if (e.residual_mode != 2 && (relu || clamp) && stepped(&e, clamp ? e.p0 : 0) <= 0 &&
        (relu || stepped(&e, e.p1) >= CZ_U8_MAX))
        e.act = CZ_ACT_NONE;
    return e;
}

static void run(const cz_call *call, const float *const *in, float *out, size_t begin, size_t end, void *scratch) {
    const cz_attr_conv2d_i8 *a = call->attr;
    cz_attr_conv2d attr;
    const cz_call as = as_conv2d(call, &attr);
    cz_conv c = cz_conv_make(&as);
    cz_gemm g;
    layout l;
    size_t padding, bytes;
    if (!layout_of(call, &l)) return; /* cannot be: packed_size() has said so */
    const float *weights = (const float *)(const void *)((const unsigned char *)call->packed + l.weights);
    const cz_epilogue e = epilogue_of(call, in, &l);
    c.x = in[0];
    c.bytes = true;
    c.zero = (float)a->x_zero;
    if (is_depthwise(call)) {
        cz_depthwise_run(&as, &c, weights, &e, out, begin, end, scratch);
        return;
    }
    if (!plan(call, &g, &padding, &bytes)) return; /* the same */
    c.zeros = memset((unsigned char *)scratch + padding, a->x_zero, l.quads * 4);
    const bool vnni = call->set->tile_i8_vnni != NULL && cz_cpu_has_vnni();
    cz_gemm_run(&g, vnni ? call->set->tile_i8_vnni : call->set->tile_i8, weights, &e, cz_conv_rows, &c, out,
                call->out.d[3], begin, end, scratch);
}

const cz_kernel cz_kernel_conv2d_i8 = {packed_size, pack, prepare, run};
